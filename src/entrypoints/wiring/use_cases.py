"""The use-cases as the container makes them, from the ports."""

import random
import time

from dishka import Provider, Scope, provide

from application.access.api_keys import KeyReader, KeyUses
from application.access.audit_records import AuditUpkeep
from application.access.key_management import CreateKey, RecordLogin, RevokeKey
from application.access.key_verification import VerifyKey
from application.access.login_limits import LoginLimits
from application.alerts.back_test import RecordedPrices, SimulateAlert, SuggestThreshold
from application.alerts.closing import close_alert, close_product
from application.alerts.management import AmendAlert, CreateAlert, DeleteAlert
from application.alerts.recorded_prices import ReadRecordedPrices
from application.alerts.upkeep import TidyAlerts
from application.bounded_queue import BoundedQueue
from application.catalogue.as_of import CatalogueAsOfReader, ReadCatalogueAsOf
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.purge import CataloguePurge
from application.catalogue.registration import RegisterProduct, RegisterProducts, RegistrationSignal, RetryRegistration
from application.clock import Clock
from application.clock_watch import ClockWatch
from application.events.event_log import EventReader, EventUpkeep
from application.events.feed import EventFeed
from application.events.read_events import FollowEvents, PullEvents, ReadEvents
from application.housekeeping import KeepHouse
from application.prices.export import ExportPriceHistory
from application.prices.listed_changes import RefreshListedChanges
from application.prices.offer_history import ReadOfferHistory
from application.prices.price_change import ComparePrices, FindPriorOfferPrice, FindPriorPrice
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory
from application.prices.price_statistics import SummarisePrices
from application.prices.readers import RetentionReader
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.backoff import Backoff
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.lag import ReadLag
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.synchronisation.scheduling import ScheduleDueWork
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork
from application.upkeep_pace import UpkeepPace
from application.webhooks.delivery import DeliverEvents, DeliveryObserver
from application.webhooks.management import AmendWebhook, CreateWebhook, DeleteWebhook, RotateSecret
from application.webhooks.on_demand import PingWebhook, ReplayEvents
from application.webhooks.ports import DueWebhooks, SecretSeal, WebhookSender, WebhookUpkeep
from application.webhooks.targets import TargetPolicy
from domain.prices.retention import Retention
from entrypoints.limits import Limits


class UseCases(Provider):
    """The application, made from the ports."""

    scope = Scope.APP

    @provide
    def backoff(self, timing: Timing) -> Backoff:
        return Backoff(timing, random.random)

    @provide
    def breakers(self, timing: Timing) -> Breakers:
        return Breakers(CircuitBreaker(timing, time.monotonic), CircuitBreaker(timing, time.monotonic))

    @provide
    def submit_registrations(
        self,
        begin: BeginWork,
        offers: OffersGateway,
        timing: Timing,
        backoff: Backoff,
        breakers: Breakers,
    ) -> SubmitRegistrations:
        return SubmitRegistrations(begin, offers, time.monotonic, timing, backoff, breakers.registrations)

    @provide
    def refresh_due_products(
        self,
        begin: BeginWork,
        offers: OffersGateway,
        timing: Timing,
        backoff: Backoff,
        breakers: Breakers,
    ) -> RefreshDueProducts:
        return RefreshDueProducts(begin, offers, time.monotonic, timing, backoff, breakers.observations)

    @provide
    def register_products(self, begin: BeginWork, clock: Clock, signal: RegistrationSignal) -> RegisterProducts:
        return RegisterProducts(begin, clock, signal)

    register_product = provide(RegisterProduct)
    amend_product = provide(AmendProduct)

    @provide
    def withdraw_product(self, begin: BeginWork) -> WithdrawProduct:
        return WithdrawProduct(begin, close_product)

    retry_registration = provide(RetryRegistration)
    schedule_due_work = provide(ScheduleDueWork)

    @provide
    def create_key(self, begin: BeginWork) -> CreateKey:
        return CreateKey(begin)

    revoke_key = provide(RevokeKey)

    @provide
    def create_alert(self, begin: BeginWork) -> CreateAlert:
        return CreateAlert(begin)

    @provide
    def amend_alert(self, begin: BeginWork) -> AmendAlert:
        return AmendAlert(begin, close_alert)

    @provide
    def delete_alert(self, begin: BeginWork) -> DeleteAlert:
        return DeleteAlert(begin, close_alert)

    tidy_alerts = provide(TidyAlerts)
    simulate_alert = provide(SimulateAlert)
    suggest_threshold = provide(SuggestThreshold)
    recorded_prices = provide(ReadRecordedPrices, provides=RecordedPrices)
    record_login = provide(RecordLogin)

    @provide
    def verify_key(self, keys: KeyReader, uses: KeyUses, limits: Limits) -> VerifyKey:
        return VerifyKey(keys, uses, time.monotonic, limits.keys.verified, limits.keys.verified_keys)

    @provide
    def event_read(self, reader: EventReader, limits: Limits) -> ReadEvents:
        requests = limits.requests
        waiting = 2 * requests.event_streams.at_once
        return ReadEvents(reader, BoundedQueue(at_once=requests.event_reads, waiting=waiting))

    pull_events = provide(PullEvents)

    @provide
    def follow_events(self, read: ReadEvents, feed: EventFeed, limits: Limits) -> FollowEvents:
        return FollowEvents(read, feed, limits.requests.event_silence, limits.requests.event_feed.events)

    @provide
    def keep_house(
        self,
        purge: CataloguePurge,
        history: HistoryUpkeep,
        audit: AuditUpkeep,
        events: EventUpkeep,
        tidy_alerts: TidyAlerts,
        webhooks: WebhookUpkeep,
        pace: UpkeepPace,
        clocks: ClockWatch,
        retention: Retention,
    ) -> KeepHouse:
        kept = retention.offer_rows_kept
        return KeepHouse(purge, history, audit, events, tidy_alerts, webhooks, pace, clocks, kept, time.monotonic)

    @provide
    def create_webhook(
        self, begin: BeginWork, events: EventReader, seal: SecretSeal, targets: TargetPolicy
    ) -> CreateWebhook:
        return CreateWebhook(begin, events, seal, targets)

    @provide
    def rotate_secret(self, begin: BeginWork, seal: SecretSeal) -> RotateSecret:
        return RotateSecret(begin, seal)

    amend_webhook = provide(AmendWebhook)
    delete_webhook = provide(DeleteWebhook)
    ping_webhook = provide(PingWebhook)
    replay_events = provide(ReplayEvents)

    @provide
    def deliver_events(
        self,
        due: DueWebhooks,
        events: EventReader,
        begin: BeginWork,
        send: WebhookSender,
        seal: SecretSeal,
        limits: Limits,
        observe: DeliveryObserver,
    ) -> DeliverEvents:
        return DeliverEvents(due, events, begin, send, seal, limits.deliveries, observe, time.monotonic, random.random)

    @provide
    def read_catalogue_as_of(
        self, reader: CatalogueAsOfReader, clock: Clock, retention: RetentionReader
    ) -> ReadCatalogueAsOf:
        return ReadCatalogueAsOf(reader, clock, retention)

    read_lag = provide(ReadLag)
    refresh_listed_changes = provide(RefreshListedChanges)
    login_limits = provide(LoginLimits)
    export_price_history = provide(ExportPriceHistory)
    read_price_history = provide(ReadPriceHistory)
    read_offer_price_history = provide(ReadOfferPriceHistory)
    compare_prices = provide(ComparePrices)
    summarise_prices = provide(SummarisePrices)
    read_offer_history = provide(ReadOfferHistory)
    find_prior_price = provide(FindPriorPrice)
    find_prior_offer_price = provide(FindPriorOfferPrice)

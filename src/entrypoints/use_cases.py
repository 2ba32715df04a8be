"""The use-cases as the container makes them, from the ports."""

import random
import time

from dishka import Provider, Scope, provide

from adapters.postgres.prices.rollup import SqlAlchemyHistoryKeeper
from application.access.login_limits import LoginLimits
from application.catalogue.new_products import NewProducts
from application.catalogue.registration import (
    AmendProduct,
    RegisterProduct,
    RegisterProductOnce,
    RegistrationSignal,
    RetryRegistration,
    WithdrawProduct,
)
from application.housekeeping import KeepHouse, RefreshPriceChanges, RowKeeper
from application.prices.insight import OfferHistory, PriceChange, PriceStatistics
from application.prices.price_history import OfferPriceHistory, PriceHistory
from application.synchronisation.backoff import RetryRule
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.refresh import RefreshDueProducts, SubmitRegistrations
from application.synchronisation.scheduling import ScheduleDueWork
from application.synchronisation.timing import Pace
from application.unit_of_work import BeginWork, Clock
from entrypoints.settings import Settings


class UseCases(Provider):
    """The application, made from the ports."""

    scope = Scope.APP

    @provide
    def pace(self, settings: Settings) -> Pace:
        return Pace(refresh_interval=settings.refresh_interval)

    @provide
    def retry_rule(self, pace: Pace) -> RetryRule:
        return RetryRule(pace, random.random)

    @provide
    def breakers(self, pace: Pace) -> Breakers:
        return Breakers(CircuitBreaker(pace, time.monotonic), CircuitBreaker(pace, time.monotonic))

    @provide
    def submit_registrations(
        self, begin: BeginWork, offers: OffersGateway, clock: Clock, pace: Pace, retry: RetryRule, breakers: Breakers
    ) -> SubmitRegistrations:
        return SubmitRegistrations(begin, offers, clock, pace, retry, breakers.registrations)

    @provide
    def refresh_due_products(
        self, begin: BeginWork, offers: OffersGateway, clock: Clock, pace: Pace, retry: RetryRule, breakers: Breakers
    ) -> RefreshDueProducts:
        return RefreshDueProducts(begin, offers, clock, pace, retry, breakers.observations)

    @provide
    def register_product(self, begin: BeginWork, clock: Clock, signal: RegistrationSignal) -> RegisterProduct:
        return RegisterProduct(NewProducts(begin), clock, signal)

    @provide
    def register_product_once(self, begin: BeginWork, clock: Clock, signal: RegistrationSignal) -> RegisterProductOnce:
        return RegisterProductOnce(begin, clock, signal)

    amend_product = provide(AmendProduct)
    withdraw_product = provide(WithdrawProduct)
    retry_registration = provide(RetryRegistration)
    schedule_due_work = provide(ScheduleDueWork)

    @provide
    def keep_house(self, keeper: RowKeeper, history: SqlAlchemyHistoryKeeper, pace: Pace) -> KeepHouse:
        return KeepHouse(keeper, history, pace, time.monotonic)

    refresh_price_changes = provide(RefreshPriceChanges)
    login_limits = provide(LoginLimits)
    price_history = provide(PriceHistory)
    offer_price_history = provide(OfferPriceHistory)
    price_change = provide(PriceChange)
    price_statistics = provide(PriceStatistics)
    offer_history = provide(OfferHistory)

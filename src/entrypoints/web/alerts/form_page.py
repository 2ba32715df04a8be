"""The page with the form of an alert and its trial. After a login in between it is shown again as it was typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from litestar import Request
from litestar.response.base import ASGIResponse

from application.alerts.reading import AlertReader
from application.catalogue.catalogue_reader import CatalogueReader
from domain.alerts.alert import Alert
from domain.errors import AlertNotFound, ProductNotFound
from domain.product import NAME_LENGTH
from entrypoints.web.admin.admin_page import show_to_admin
from entrypoints.web.alerts.alert_form import RANGES, SUGGEST, UNITS, AlertForm
from entrypoints.web.alerts.product_names import STATES, TRANSITIONS, names_of
from entrypoints.web.alerts.trials import Trials
from entrypoints.web.alerts.words import KINDS
from entrypoints.web.formats import Formats
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

if TYPE_CHECKING:
    from entrypoints.web.alerts.trial import Trial

_ID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_NEW, _EDIT = re.compile(rf"/admin/products/{_ID}/alerts/new"), re.compile(rf"/admin/alerts/{_ID}/edit")


@dataclass(frozen=True, slots=True)
class FormPage:
    """The page of a new or an edited alert, with the products whose prices its rule may be tried over."""

    path: str
    products: Mapping[UUID, str]
    alert: Alert | None = None

    @property
    def untouched(self) -> AlertForm:
        """The form before anything is typed."""
        return AlertForm() if self.alert is None else AlertForm.of_alert(self.alert)

    def product(self, form: AlertForm) -> UUID | None:
        """Return the product whose prices the rule is tried over: the chosen one, else the first."""
        chosen = (id for id in self.products if str(id) == form.typed["product"])
        return next(chosen, next(iter(self.products), None))


async def new_page(reader: CatalogueReader, product_id: UUID) -> FormPage:
    """Return the page of a new alert for a product.

    Raises:
        ProductNotFound
    """
    products = await names_of(reader, [product_id])
    if not products:
        raise ProductNotFound(product_id)
    return FormPage(f"/admin/products/{product_id}/alerts/new", products)


async def edit_page(catalogue: CatalogueReader, alerts: AlertReader, alert_id: UUID) -> FormPage:
    """Return the page of an edited alert. One for all products is tried over products of its states and transitions.

    Raises:
        AlertNotFound
    """
    found = await alerts.detail(alert_id, STATES, TRANSITIONS)
    about = found.alert.product_ids or [
        *(product_id for product_id, _ in found.states),
        *(each.product_id for each in found.transitions),
    ]
    return FormPage(f"/admin/alerts/{alert_id}/edit", await names_of(catalogue, about), found.alert)


def show_form(
    request: Request[Any, Any, Any],
    pages: Pages,
    sessions: Sessions,
    page: FormPage,
    form: AlertForm,
    trial: "Trial | None" = None,
    *,
    restored: bool = False,
) -> ASGIResponse:
    """Show the form with its mistakes, and the trial; `restored` says that a login came in between."""
    product_id = page.product(form)
    return show_to_admin(
        request,
        pages,
        sessions,
        "alerts/form.html",
        pages.formats(request),
        status=422 if form.mistakes else 200,
        form=form.typed,
        mistakes=form.mistakes,
        page=page,
        product_id=product_id,
        trial=trial,
        restored=restored,
        kinds=KINDS,
        units=list(UNITS),
        ranges=RANGES,
        name_length=NAME_LENGTH,
    )


async def try_form(page: FormPage, form: AlertForm, trials: Trials, formats: Formats) -> "Trial | None":
    """Try the rule of the form as the pressed button asks; None with mistakes, or without a product to try it over.

    A suggested threshold is filled in.
    """
    locale, per_week = formats.viewer.locale, None
    draft = form.threshold_wanted(locale) if form.do == SUGGEST else form.draft(locale)
    if form.do == SUGGEST:
        per_week = form.wanted_firings(locale)
    product_id = page.product(form)
    if draft is None or form.mistakes or product_id is None:
        return None
    trial = await trials.of(product_id, draft, form.days, formats, per_week)
    if trial.suggested is not None:
        form.typed |= {"price": str(trial.suggested), "resolve": ""}
    return trial


async def restore_alert(
    request: Request[Any, Any, Any],
    catalogue: CatalogueReader,
    alerts: AlertReader,
    pages: Pages,
    sessions: Sessions,
    path: str,
    fields: Mapping[str, Any],
) -> ASGIResponse | None:
    """Show the form of this path as it was typed before a login; None if nothing was typed, or the path has no form."""
    if "kind" not in fields:
        return None
    try:
        if new := _NEW.fullmatch(path):
            page = await new_page(catalogue, UUID(new[1]))
        elif edited := _EDIT.fullmatch(path):
            page = await edit_page(catalogue, alerts, UUID(edited[1]))
        else:
            return None
    except (ProductNotFound, AlertNotFound):
        return None
    return show_form(request, pages, sessions, page, AlertForm.sent(fields), restored=True)

"""Pages on which admins create, edit and delete products, and retry a registration."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.registration import RegisterProduct, RetryRegistration
from application.catalogue.views import ProductDetailView
from domain.errors import InvalidText, PreconditionFailed, ProductAlreadyExists
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.pages import Pages
from entrypoints.web.products.product_form import Form, show_form
from entrypoints.web.sessions import Sessions

_DETAIL = msgspec.json.Decoder(ProductDetailView)


class ProductEditController(Controller):
    """Forms for products; the router around it lets only admins in."""

    path = "/products"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/new")
    async def new(
        self, request: Request[Any, Any, Any], pages: Injected[Pages], sessions: Injected[Sessions]
    ) -> ASGIResponse:
        """Show an empty form."""
        return show_form(request, pages, sessions, Form(), None)

    @post("/new", status_code=303)
    async def create(
        self,
        request: Request[Any, Any, Any],
        register_product: Injected[RegisterProduct],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Create the product and show it, or the form with its mistakes."""
        form = await Form.of(request)
        try:
            registered = await register_product(name=form.name, description=form.description, actor=actor)
        except (InvalidText, ProductAlreadyExists) as error:
            form.mistakes = {error.field: str(error)}
            return show_form(request, pages, sessions, form, None)
        return lead_admin(request, sessions, f"/catalogue/{registered.product.id}")

    @get("/{product_id:uuid}/edit")
    async def edit(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the product's form."""
        product = _DETAIL.decode((await catalogue.reader.detail(product_id)).json)
        form = Form(product.name, product.description, str(product.revision))
        return show_form(request, pages, sessions, form, product_id)

    @post("/{product_id:uuid}/edit", status_code=303)
    async def amend(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        amend_product: Injected[AmendProduct],
        actor: Injected[Actor],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Save the product and show it, or the form with its mistakes."""
        form = await Form.of(request)
        revision = int(form.revision) if form.revision.isdecimal() and len(form.revision) < 18 else 0
        try:
            await amend_product(
                product_id, name=form.name, description=form.description, expected={revision}, actor=actor
            )
        except (InvalidText, ProductAlreadyExists) as error:
            form.mistakes = {error.field: str(error)}
        except PreconditionFailed:
            now = _DETAIL.decode((await catalogue.reader.detail(product_id)).json)
            form.revision = str(now.revision)
            form.mistakes = {"": f"The product changed meanwhile; it is “{now.name}” now. Save again to replace that."}
        if form.mistakes:
            return show_form(request, pages, sessions, form, product_id)
        return lead_admin(request, sessions, f"/catalogue/{product_id}")

    @get("/{product_id:uuid}/delete")
    async def confirm(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Ask once before a product is deleted."""
        product = _DETAIL.decode((await catalogue.reader.detail(product_id)).json)
        return show_to_admin(request, pages, sessions, "delete.html", pages.formats(request), product=product)

    @post("/{product_id:uuid}/delete", status_code=303)
    async def withdraw(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        withdraw_product: Injected[WithdrawProduct],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Delete the product."""
        await withdraw_product(product_id, actor=actor)
        return lead_admin(request, sessions, "/admin?done=deleted")

    @post("/{product_id:uuid}/register", status_code=303)
    async def retry(
        self,
        request: Request[Any, Any, Any],
        product_id: FromPath[UUID],
        retry_registration: Injected[RetryRegistration],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Try the product's registration again."""
        await retry_registration(product_id, actor=actor)
        return lead_admin(request, sessions, "/admin?done=retried")

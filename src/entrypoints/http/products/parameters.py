"""Path and query parameters of single products."""

from typing import Annotated, Literal
from uuid import UUID

from litestar.params import PathParameter, QueryParameter

ProductId = Annotated[UUID, PathParameter(description="The product's id.")]
OfferId = Annotated[UUID, PathParameter(description="The offer's id in the Offers service.")]
InStock = Annotated[
    Literal["any"] | None, QueryParameter(description="`any` shows the offers that sold out in the last day too.")
]

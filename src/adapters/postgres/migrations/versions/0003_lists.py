"""Words to search products by, and indexes for the orders by name and by price."""

import unicodedata
from itertools import groupby

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BATCH = 2000
_NEXT = sa.text("SELECT id, name, description FROM product WHERE id > :after ORDER BY id LIMIT :batch")
_FILL = sa.text("""
    UPDATE product SET words = array_to_tsvector(string_to_array(new.words, ' '))
    FROM unnest(CAST(:ids AS uuid[]), CAST(:words AS text[])) AS new (id, words) WHERE product.id = new.id
""")


def upgrade() -> None:
    op.add_column("product", sa.Column("words", TSVECTOR(), server_default=sa.text("''::tsvector"), nullable=False))
    _fill_words(op.get_bind())
    living = sa.text("withdrawn_at IS NULL")
    op.create_index("ix_product_words", "product", ["words"], postgresql_using="gin", postgresql_where=living)
    op.create_index("ix_product_name", "product", ["name_folded", "id"], postgresql_where=living)
    op.create_index(
        "ix_product_unregistered",
        "product",
        ["registration_state", "created_at", "id"],
        postgresql_where=sa.text("withdrawn_at IS NULL AND registration_state <> 'registered'"),
    )
    op.create_table(
        "listed_price",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("best_price", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("product_id", name="pk_listed_price"),
    )
    op.execute("""
        CREATE FUNCTION list_price() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            CASE TG_OP
            WHEN 'INSERT' THEN
                INSERT INTO listed_price (product_id, best_price) VALUES (NEW.product_id, NEW.best_price);
            WHEN 'UPDATE' THEN
                UPDATE listed_price SET best_price = NEW.best_price WHERE product_id = NEW.product_id;
            WHEN 'DELETE' THEN
                DELETE FROM listed_price WHERE product_id = OLD.product_id;
            END CASE;
            RETURN NULL;
        END $$
    """)
    # The triggers first: making them waits for writers and keeps others out, so that no price is missed.
    op.execute("""
        CREATE TRIGGER list_price AFTER INSERT OR DELETE ON synchronisation
        FOR EACH ROW EXECUTE FUNCTION list_price()
    """)
    op.execute("""
        CREATE TRIGGER list_changed_price AFTER UPDATE OF best_price ON synchronisation
        FOR EACH ROW WHEN (OLD.best_price IS DISTINCT FROM NEW.best_price) EXECUTE FUNCTION list_price()
    """)
    op.execute("INSERT INTO listed_price (product_id, best_price) SELECT product_id, best_price FROM synchronisation")
    op.create_index("ix_listed_price", "listed_price", ["best_price", "product_id"], unique=False)


def downgrade() -> None:
    op.execute("DROP TRIGGER list_changed_price ON synchronisation")
    op.execute("DROP TRIGGER list_price ON synchronisation")
    op.execute("DROP FUNCTION list_price()")
    op.drop_table("listed_price")
    op.drop_index("ix_product_unregistered", "product")
    op.drop_index("ix_product_name", "product")
    op.drop_index("ix_product_words", "product")
    op.drop_column("product", "words")


def _fill_words(connection: sa.Connection) -> None:
    after = "00000000-0000-0000-0000-000000000000"
    while batch := connection.execute(_NEXT, {"after": after, "batch": _BATCH}).all():
        found = [" ".join(_words(f"{row.name} {row.description}")) for row in batch]
        connection.execute(_FILL, {"ids": [row.id for row in batch], "words": found})
        after = batch[-1].id


def _words(text: str) -> list[str]:
    """Return the words as the code of this revision found them; later rules of the domain must not change them here."""
    decomposed = unicodedata.normalize("NFKD", text)
    folded = "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()
    runs = groupby(folded, lambda character: unicodedata.category(character)[0] in "LMN")
    return list(dict.fromkeys("".join(run)[:200] for is_word, run in runs if is_word))

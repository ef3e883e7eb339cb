"""The twenty promises of checks.py as each peer says them: `python checks_peers.py PEER FOLDER` prints how many hold.

Every peer reads only the ten columns that the promises are about, and is written the way its manual recommends.
"""

import sys
from pathlib import Path

COLUMNS = (
    "order_id", "customer_id", "placed_at", "country", "status", "channel", "product", "price", "discount", "quantity",
)  # fmt: skip
COUNTRIES = [a + b for a in "ABCDEF" for b in "KLMNO"]
STATUSES = ["placed", "paid", "packed", "sent", "delivered", "returned"]
CHANNELS = ["web", "app", "shop", "phone"]
PRODUCT, COUNTRY = r"^SKU-[0-9]{5}$", r"^[A-Z]{2}$"
ROWS = 100_000
SINCE = "2023-01-01"


def bare(folder: Path) -> int:
    """Decode the ten columns with pyarrow, a row group at a time, and look at nothing."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(folder / "orders.parquet")
    for group in range(file.num_row_groups):
        file.read_row_group(group, columns=list(COLUMNS), use_threads=False)
    return 20


def bare_coded(folder: Path) -> int:
    """The same with texts left as dictionaries: the least that any check could decode."""
    import pyarrow.parquet as pq

    texts = ["country", "status", "channel", "product"]
    file = pq.ParquetFile(folder / "orders.parquet", read_dictionary=texts)
    for group in range(file.num_row_groups):
        file.read_row_group(group, columns=list(COLUMNS), use_threads=False)
    return 20


def polars(folder: Path) -> int:
    """By hand: one lazy query with an expression per promise."""
    import polars as pl

    customers = pl.read_parquet(folder / "customers.parquet")["customer_id"]
    products = pl.read_parquet(folder / "products.parquet")["sku"]
    c = pl.col
    found = (
        pl.scan_parquet(folder / "orders.parquet")
        .select(
            rows=pl.len() >= ROWS,
            order_null=c("order_id").null_count() == 0,
            order_unique=c("order_id").n_unique() == pl.len(),
            customer_null=c("customer_id").null_count() == 0,
            customer_known=c("customer_id").is_in(customers.implode()).all(),
            fresh=c("placed_at").max() >= pl.lit(SINCE).str.to_datetime(),
            channel_null=c("channel").is_null().mean() <= 0.05,
            country_allowed=c("country").is_in(COUNTRIES).all(),
            status_allowed=c("status").is_in(STATUSES).all(),
            channel_allowed=c("channel").is_in(CHANNELS).all(),
            country_shape=c("country").str.contains(COUNTRY).all(),
            product_shape=c("product").str.contains(PRODUCT).all(),
            product_known=c("product").is_in(products.implode()).all(),
            price_low=c("price").min() >= 0,
            price_high=c("price").max() <= 20_000,
            price_mean=c("price").mean().is_between(30, 50),
            price_p99=c("price").quantile(0.99, "linear") <= 500,
            discount_range=c("discount").is_between(0, 1).all(),
            discount_null=c("discount").is_null().mean() <= 0.1,
            quantity_range=c("quantity").is_between(1, 100).all(),
        )
        .collect()
    )
    return sum(bool(value) for value in found.row(0))


def duckdb(folder: Path) -> int:
    """By hand: one aggregate query."""
    import duckdb

    def text(values: list[str]) -> str:
        return ", ".join(f"'{value}'" for value in values)

    sql = f"""
        SELECT count(*) >= {ROWS}, count(order_id) = count(*), count(DISTINCT order_id) = count(*),
            count(customer_id) = count(*), bool_and(customer_known), max(placed_at) >= '{SINCE}',
            count(channel) >= 0.95 * count(*), bool_and(country IN ({text(COUNTRIES)})),
            bool_and(status IN ({text(STATUSES)})), bool_and(channel IN ({text(CHANNELS)})),
            bool_and(regexp_full_match(country, '{COUNTRY[1:-1]}')),
            bool_and(regexp_full_match(product, '{PRODUCT[1:-1]}')), bool_and(product_known),
            min(price) >= 0, max(price) <= 20000, avg(price) BETWEEN 30 AND 50, quantile_cont(price, 0.99) <= 500,
            bool_and(discount BETWEEN 0 AND 1), count(discount) >= 0.9 * count(*), bool_and(quantity BETWEEN 1 AND 100)
        FROM (SELECT *, customer_id IN (FROM '{folder}/customers.parquet') AS customer_known,
                     product IN (FROM '{folder}/products.parquet') AS product_known FROM '{folder}/orders.parquet')
    """
    return sum(duckdb.sql(sql).fetchall()[0])


def pandera(folder: Path) -> int:
    """The polars backend: a schema, validated lazily so that every check runs."""
    import pandera.polars as pa
    import polars as pl

    customers = pl.read_parquet(folder / "customers.parquet")["customer_id"].implode()
    products = pl.read_parquet(folder / "products.parquet")["sku"].implode()

    def whole(say):  # a check of one number about the column
        return pa.Check(lambda data: data.lazyframe.select(say(pl.col(data.key))))

    fresh = pl.lit(SINCE).str.to_datetime()
    columns = {
        "order_id": pa.Column(pl.Int64, whole(lambda _: pl.len() >= ROWS), unique=True),
        "customer_id": pa.Column(pl.Int64, whole(lambda c: c.is_in(customers))),
        "placed_at": pa.Column(pl.Datetime("us"), whole(lambda c: c.max() >= fresh)),
        "country": pa.Column(pl.String, [pa.Check.isin(COUNTRIES), pa.Check.str_matches(COUNTRY)]),
        "status": pa.Column(pl.String, pa.Check.isin(STATUSES)),
        "channel": pa.Column(
            pl.String, [pa.Check.isin(CHANNELS), whole(lambda c: c.is_null().mean() <= 0.05)], nullable=True
        ),
        "product": pa.Column(pl.String, [pa.Check.str_matches(PRODUCT), whole(lambda c: c.is_in(products))]),
        "price": pa.Column(
            pl.Float64,
            [
                pa.Check.ge(0),
                pa.Check.le(20_000),
                whole(lambda c: c.mean().is_between(30, 50)),
                whole(lambda c: c.quantile(0.99, "linear") <= 500),
            ],
        ),
        "discount": pa.Column(
            pl.Float64, [pa.Check.in_range(0, 1), whole(lambda c: c.is_null().mean() <= 0.1)], nullable=True
        ),
        "quantity": pa.Column(pl.Int64, pa.Check.in_range(1, 100)),
    }
    frame = pl.read_parquet(folder / "orders.parquet", columns=list(COLUMNS))
    pa.DataFrameSchema(columns).validate(frame, lazy=True)  # raises with all failures
    return 20


def pointblank(folder: Path) -> int:
    """On a polars frame: a plan of steps, interrogated."""
    import pointblank as pb
    import polars as pl

    customers = pl.read_parquet(folder / "customers.parquet")["customer_id"].implode()
    products = pl.read_parquet(folder / "products.parquet")["sku"].implode()
    frame = pl.read_parquet(folder / "orders.parquet", columns=list(COLUMNS))
    plan = (
        pb.Validate(frame)
        .specially(lambda df: df.height >= ROWS)
        .col_vals_not_null("order_id")
        .rows_distinct(["order_id"])
        .col_vals_not_null("customer_id")
        .col_vals_expr(pl.col("customer_id").is_in(customers))
        .specially(lambda df: df["placed_at"].max().isoformat() >= SINCE)
        .col_vals_not_null("channel", thresholds=0.05)
        .col_vals_in_set("country", COUNTRIES)
        .col_vals_in_set("status", STATUSES)
        .col_vals_in_set("channel", [*CHANNELS, None])
        .col_vals_regex("country", COUNTRY)
        .col_vals_regex("product", PRODUCT)
        .col_vals_expr(pl.col("product").is_in(products))
        .col_vals_ge("price", 0)
        .col_vals_le("price", 20_000)
        .specially(lambda df: 30 <= df["price"].mean() <= 50)
        .specially(lambda df: df["price"].quantile(0.99, "linear") <= 500)
        .col_vals_between("discount", 0, 1, na_pass=True)
        .col_vals_not_null("discount", thresholds=0.1)
        .col_vals_between("quantity", 1, 100)
        .interrogate(collect_extracts=False)
    )
    warned, passed = plan.warning(), plan.f_passed()
    return sum(not warned[i] if warned[i] is not None else passed[i] == 1 for i in warned)


def great_expectations(folder: Path) -> int:
    """On pandas, an ephemeral context, one suite. References are looked up by pandas before, to its favour."""
    return _great_expectations(folder, sets=False)


def great_expectations_sets(folder: Path) -> int:
    """The same as it stands in its manual: what a column may hold is given as a `value_set`."""
    return _great_expectations(folder, sets=True)


def _great_expectations(folder: Path, *, sets: bool) -> int:
    import great_expectations as gx
    import pandas as pd

    customers = pd.read_parquet(folder / "customers.parquet")["customer_id"]
    products = pd.read_parquet(folder / "products.parquet")["sku"]
    frame = pd.read_parquet(folder / "orders.parquet", columns=list(COLUMNS))
    if not sets:
        frame["customer_known"] = frame["customer_id"].isin(customers)
        frame["product_known"] = frame["product"].isin(products)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("orders")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    e = gx.expectations
    known = {"customer_id": customers, "product": products}
    references = [
        e.ExpectColumnValuesToBeInSet(column=column, value_set=known[column].tolist())
        if sets
        else e.ExpectColumnValuesToBeInSet(column=f"{column.removesuffix('_id')}_known", value_set=[True])
        for column in known
    ]
    suite = gx.ExpectationSuite(
        name="orders",
        expectations=[
            *references,
            e.ExpectTableRowCountToBeBetween(min_value=ROWS),
            e.ExpectColumnValuesToNotBeNull(column="order_id"),
            e.ExpectColumnValuesToBeUnique(column="order_id"),
            e.ExpectColumnValuesToNotBeNull(column="customer_id"),
            e.ExpectColumnMaxToBeBetween(column="placed_at", min_value=pd.Timestamp(SINCE)),
            e.ExpectColumnValuesToNotBeNull(column="channel", mostly=0.95),
            e.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
            e.ExpectColumnValuesToBeInSet(column="status", value_set=STATUSES),
            e.ExpectColumnValuesToBeInSet(column="channel", value_set=CHANNELS),
            e.ExpectColumnValuesToMatchRegex(column="country", regex=COUNTRY),
            e.ExpectColumnValuesToMatchRegex(column="product", regex=PRODUCT),
            e.ExpectColumnMinToBeBetween(column="price", min_value=0),
            e.ExpectColumnMaxToBeBetween(column="price", max_value=20_000),
            e.ExpectColumnMeanToBeBetween(column="price", min_value=30, max_value=50),
            e.ExpectColumnQuantileValuesToBeBetween(
                column="price", quantile_ranges={"quantiles": [0.99], "value_ranges": [[None, 500]]}
            ),
            e.ExpectColumnValuesToBeBetween(column="discount", min_value=0, max_value=1),
            e.ExpectColumnValuesToNotBeNull(column="discount", mostly=0.9),
            e.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=100),
        ],
    )
    result = batch.validate(suite, result_format="BOOLEAN_ONLY")
    for answer in result.results:
        if not answer.success:
            print(answer.expectation_config, answer.exception_info, file=sys.stderr)
    return sum(bool(answer.success) for answer in result.results)


PEERS = (bare, bare_coded, polars, duckdb, pandera, pointblank, great_expectations, great_expectations_sets)

if __name__ == "__main__":
    print({peer.__name__: peer for peer in PEERS}[sys.argv[1]](Path(sys.argv[2])))

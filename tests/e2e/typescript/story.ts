// The work of a front-end engineer with generated types: the compiler checks every path, parameter and field.
import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

const [url, username, password] = process.argv.slice(2) as [string, string, string];
const api = createClient<paths>({ baseUrl: url });

interface Answer<T> {
  data?: T;
  error?: components["schemas"]["Problem"];
  response: Response;
}

function found<T>({ data, error, response }: Answer<T>): T {
  if (data === undefined) throw new Error(`${response.status} ${error?.type}: ${error?.detail}`);
  return data;
}

const { access_token } = found(await api.POST("/login", { body: { username, password } }));
const headers = { Authorization: `Bearer ${access_token}` };

const { id } = found(
  await api.POST("/products", { headers, body: { name: "Kettle of TypeScript", description: "Boils" } }),
);
const product = { params: { path: { product_id: id } } };

async function observed(): Promise<components["schemas"]["ProductDetailView"]> {
  for (let turn = 0; turn < 600; turn++) {
    const detail = found(await api.GET("/products/{product_id}", product));
    if (detail.best_offer !== null) return detail;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The product was not observed.");
}

const detail = await observed();
const cheapest = detail.offers[0];
if (cheapest?.price !== detail.best_offer?.price) throw new Error("The first offer is not the cheapest.");

const page = found(await api.GET("/products", { params: { query: { q: "typescript", sort: "price" } } }));
if (page.items.map((item) => item.id).join() !== id) throw new Error("The search finds something else.");

const query = { interval: "raw", from: new Date(Date.now() - 3_600_000).toISOString() } as const;
const history = found(
  await api.GET("/products/{product_id}/price-history", { params: { ...product.params, query } }),
);
if (history.interval !== "raw") throw new Error("The history is not in steps.");

const amended = await api.PATCH("/products/{product_id}", { ...product, headers, body: { name: "Samovar" } });
if (found(amended).name !== "Samovar") throw new Error("The name stayed.");

const mistaken = await api.POST("/products", { headers, body: { name: " ", description: "" } });
if (mistaken.error?.status !== 422 || !mistaken.error.errors?.length) throw new Error("A mistake was accepted.");

await api.DELETE("/products/{product_id}", { ...product, headers });
const gone = await api.GET("/products/{product_id}", product);
if (gone.response.status !== 404) throw new Error("The product is still there.");
console.log("done");

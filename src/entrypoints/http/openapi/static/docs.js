// Beside this file, whatever the path is under which a proxy serves the API.
const description = new URL("../../schema/openapi.json", document.currentScript.src).href;

// Swagger UI would send the examples and defaults of optional parameters as if they had been typed in. Here they start
// empty; defaults stay in the text.
function withoutOptionalValues(text) {
  const api = JSON.parse(text);
  for (const { parameters } of operations(api)) {
    for (const parameter of parameters.filter(({ required }) => !required)) {
      if ("default" in parameter.schema) parameter.description += ` By default \`${parameter.schema.default}\`.`;
      delete parameter.schema.default;
      delete parameter.example;
    }
  }
  return JSON.stringify(api);
}

function operations(api) {
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
}

// Who has created a product or a key goes on with it, and with an offer of it once one was shown.
function fillIn(name, value) {
  for (const { path, method, parameters } of operations(ui.specSelectors.specJson().toJS())) {
    if (parameters.some((parameter) => parameter.name === name)) {
      ui.specActions.changeParam([path, method], name, "path", value, false);
    }
  }
}

function goOnWith({ status, body }) {
  if (status === 201) fillIn("key" in body ? "key_id" : "secret" in body ? "webhook_id" : "product_id", body.id);
  if (body?.offers?.length) fillIn("offer_id", body.offers[0].id);
}

// Who logs in on the page is authorised at once.
function authorise({ access_token: value }) {
  const schema = ui.specSelectors.securityDefinitions().get("admin");
  ui.authActions.authorizeWithPersistOption({ admin: { name: "admin", schema, value } });
}

const ui = SwaggerUIBundle({
  url: description,
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  // Last of its kind, so that what stands above it still has a product.
  operationsSorter: (one, other) => (one.get("method") === "delete") - (other.get("method") === "delete"),
  responseInterceptor: (response) => {
    if (response.url === description) response.text = withoutOptionalValues(response.text);
    else if (response.ok && response.url.endsWith("/login")) authorise(response.body);
    else if (response.ok) goOnWith(response);
    return response;
  },
});

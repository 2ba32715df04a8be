const ui = SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  // Who logs in on the page is authorised at once.
  responseInterceptor: (response) => {
    if (response.ok && response.url.endsWith("/login")) {
      const schema = ui.specSelectors.securityDefinitions().get("admin");
      const token = response.body.access_token;
      ui.authActions.authorizeWithPersistOption({ admin: { name: "admin", schema, value: token } });
    }
    return response;
  },
});

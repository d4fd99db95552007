"use strict";

// Swagger UI has a dark face, which a class of the document switches on.
const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", shade);
shade();

SwaggerUIBundle({
  url: "../docs.json",
  dom_id: "#documentation",
  // With it, links would stand in buttons.
  deepLinking: false,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  showCommonExtensions: true,
  validatorUrl: null,
  // There is one server, this one; a choice would have no name for screen readers.
  plugins: [{ wrapComponents: { ServersContainer: () => () => null } }],
});

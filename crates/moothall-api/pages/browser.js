// The API browser: lists what /v1/openapi.json says, and tries a call. No library, nothing from elsewhere.
"use strict";

const make = (tag, content, attributes = {}) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content].flat());
  return element;
};

// A description: what stands between backticks is code.
const prose = (text) => text.split("`").map((part, index) => (index % 2 ? make("code", part) : part));

let api;

const resolve = (schema) => {
  while (schema?.$ref) schema = api.components.schemas[schema.$ref.split("/").pop()];
  return schema ?? {};
};

// A value that shows the shape of an input: the required fields, by type.
const example = (schema, depth = 0) => {
  schema = resolve(schema);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const choice = (schema.oneOf ?? schema.anyOf)?.[0];
  if (choice) return example(choice, depth);
  const type = [schema.type].flat()[0];
  if (type === "object" && depth < 4) {
    const required = schema.required ?? [];
    return Object.fromEntries(required.map((name) => [name, example(schema.properties[name], depth + 1)]));
  }
  return { string: "", integer: schema.minimum ?? 0, number: 0, boolean: false, array: [], object: {} }[type] ?? null;
};

const typeOf = (schema) => {
  const name = schema?.$ref?.split("/").pop();
  if (name) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(" | ");
  const type = [schema.type ?? "any"].flat().join(" | ");
  return type.includes("array") && schema.items ? `${type} of ${typeOf(schema.items)}` : type;
};

const boundsOf = (schema) =>
  ["minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "format"]
    .filter((rule) => schema[rule] !== undefined)
    .map((rule) => `${rule} ${schema[rule]}`)
    .join(", ");

const fieldTable = (rows) => {
  const head = make("tr", ["Field", "Type", "About"].map((title) => make("th", title, { scope: "col" })));
  const body = rows.map(({ name, place, schema, required, description }) =>
    make("tr", [
      make("td", [make("code", name), required ? " *" : ""]),
      make("td", `${typeOf(schema)}${place ? ` (${place})` : ""}`),
      make("td", [...prose(description ?? schema.description ?? ""), " ", make("small", boundsOf(resolve(schema)))]),
    ]));
  return make("table", [make("thead", head), make("tbody", body)]);
};

// The named types a schema leads to, each with its schema: what has fields, or is one of several things.
const typesOf = (schema, found = new Map()) => {
  const name = schema?.$ref?.split("/").pop();
  if (found.has(name)) return found;
  const type = resolve(schema);
  if (name) found.set(name, type);
  const parts = [type.anyOf, type.oneOf, type.allOf, Object.values(type.properties ?? {}), type.items, type.additionalProperties];
  for (const part of parts.flat()) if (part && typeof part === "object") typesOf(part, found);
  return found;
};

const typeDetails = (name, type) => {
  const variants = type.oneOf ?? type.anyOf ?? [];
  const tables = [type, ...variants.map(resolve)].filter(({ properties }) => properties).map((shape) =>
    fieldTable(Object.entries(shape.properties).map(([field, schema]) =>
      ({ name: field, schema, required: shape.required?.includes(field) }))));
  const plain = variants.filter((variant) => !resolve(variant).properties);
  if (plain.length || type.enum) tables.push(make("p", make("code", typeOf(plain.length ? { anyOf: plain } : type))));
  if (!tables.length) return [];
  return [make("details", [make("summary", make("code", name)), make("div", [make("p", prose(type.description ?? "")), ...tables])])];
};

// The codes of refusals, each with a link to what it means.
const refusals = (text) => text.split(/\[`(\w+)`\]\([^)]*\)/g).map((part, index) =>
  (index % 2 ? make("a", part, { href: `/docs/errors#${part}` }) : part));

const send = async (path, method, operation, inputs, body, output) => {
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input } of inputs) {
    const { name } = parameter;
    if (parameter.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (parameter.in === "header") headers[name] = input.value;
    else input.value.split("\n").forEach((value) => query.append(name, value));
  }
  const token = document.getElementById("token").value.trim();
  // A token has three parts between dots; a key has none.
  if (token) Object.assign(headers, token.split(".").length === 3 ? { Authorization: `Bearer ${token}` } : { "X-Api-Key": token });
  if (body) headers["Content-Type"] = "application/json";
  output.textContent = "…";
  try {
    const address = query.size ? `${path}?${query}` : path;
    const response = await fetch(address, { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
    let text = await response.text();
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
    const shown = ["location", "etag", "retry-after"].filter((name) => response.headers.has(name));
    output.textContent =
      [`${response.status} ${response.statusText}`, ...shown.map((name) => `${name}: ${response.headers.get(name)}`), "", text].join("\n");
  } catch (error) {
    output.textContent = `No answer: ${error.message}`;
  }
};

const tryForm = (path, method, operation) => {
  const inputs = (operation.parameters ?? []).map((parameter) => ({ parameter, input: make("input", [], { autocomplete: "off" }) }));
  const schema = operation.requestBody?.content["application/json"].schema;
  const body = schema && make("textarea", JSON.stringify(example(schema), null, 2), { rows: 6, spellcheck: "false" });
  const output = make("pre", "", { "aria-live": "polite", tabindex: "0" });
  output.hidden = true;
  const form = make("form", [
    ...inputs.map(({ parameter, input }) => make("label", [`${parameter.name} (${parameter.in}${parameter.required ? ", required" : ""})`, input])),
    ...(body ? [make("label", ["Body", body])] : []),
    make("button", "Send", { type: "submit" }),
    output,
  ]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    output.hidden = false;
    send(path, method, operation, inputs, body, output);
  });
  return form;
};

const describe = (path, method, operation) => {
  const rows = (operation.parameters ?? []).map((parameter) => ({ ...parameter, place: parameter.in }));
  const schema = resolve(operation.requestBody?.content["application/json"].schema);
  for (const [name, field] of Object.entries(schema.properties ?? {}))
    rows.push({ name, schema: field, required: schema.required?.includes(name), place: "body" });
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const output = answer.content?.["application/json"]?.schema;
    return make("tr", [make("td", status), make("td", output ? typeOf(output) : refusals(answer.description))]);
  });
  const types = new Map();
  for (const [, field] of Object.entries(schema.properties ?? {})) typesOf(field, types);
  for (const { content } of Object.values(operation.responses)) typesOf(content?.["application/json"]?.schema, types);
  const shapes = [...types].flatMap(([name, type]) => typeDetails(name, type));
  return make("div", [
    make("p", prose(operation.description)),
    ...(rows.length ? [make("h3", "Input"), fieldTable(rows)] : []),
    make("h3", "Answers"),
    make("table", make("tbody", answers)),
    ...(shapes.length ? [make("h3", "Types"), ...shapes] : []),
    make("h3", "Try it"),
    tryForm(path, method, operation),
  ]);
};

const entry = (path, method, operation) => {
  const details = make("details", make("summary", [
    make("span", method.toUpperCase(), { class: "method" }),
    make("span", path, { class: "path" }),
    make("span", operation.operationId, { class: "name" }),
    make("span", prose(operation.summary), { class: "what" }),
  ]), { id: operation.operationId });
  // Filled when it is opened: most never are.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(describe(path, method, operation));
  });
  details.dataset.text = `${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
  return details;
};

const find = () => {
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  for (const section of document.querySelectorAll("main section")) {
    for (const details of section.querySelectorAll(":scope > details")) details.hidden = !details.dataset.text.includes(wanted);
    section.hidden = !section.querySelector(":scope > details:not([hidden])");
  }
};

const start = async () => {
  api = await (await fetch("/v1/openapi.json")).json();
  document.getElementById("about").textContent = `Version ${api.info.version}. ${api.info.description.replaceAll("`", "")}`;
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
  for (const tag of api.tags) {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag.name));
    if (!own.length) continue;
    document.getElementById("operations").append(make("section", [
      make("h2", tag.name),
      make("p", tag.description),
      ...own.map(({ path, method, operation }) => entry(path, method, operation)),
    ]));
  }
  document.getElementById("find").addEventListener("input", find);
  const target = document.getElementById(location.hash.slice(1));
  if (target) { target.open = true; target.scrollIntoView(); }
};

document.getElementById("settings").addEventListener("submit", (event) => event.preventDefault());
start().catch((error) => { document.getElementById("about").textContent = `The operations could not be loaded: ${error.message}`; });

// A form of one operation: its fields and the secret of the link are the input, and what was wrong stands beside its field.
"use strict";

const form = document.querySelector("form");
const problem = document.getElementById("problem");
const done = document.getElementById("done");
// The secret stands behind `#`, so no server and no log has seen it. It leaves the address bar, and so the history, at once.
const secret = new URLSearchParams(location.hash.slice(1)).get(form.dataset.secret);
history.replaceState(null, "", location.pathname);

if (secret) {
  form.hidden = false;
  form.querySelector("input")?.focus();
} else {
  problem.textContent = "This page is opened by a link, and this link is not whole. Copy all of it, up to its end.";
}

document.getElementById("show")?.addEventListener("change", (event) => {
  form.elements.password.type = event.target.checked ? "text" : "password";
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  const button = form.querySelector("button");
  button.disabled = true;
  const answer = await send();
  button.disabled = false;
  if (answer === null) {
    form.hidden = true;
    done.hidden = false;
    done.focus();
  } else {
    show(answer);
  }
});

// Null if it is done, or else the problem (RFC 9457).
async function send() {
  const input = { [form.dataset.secret]: secret };
  for (const field of form.querySelectorAll("input[name]")) {
    if (field.value !== "") input[field.name] = field.value;
  }
  try {
    const response = await fetch(form.getAttribute("action"), {
      method: form.dataset.method ?? "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(input),
    });
    return response.ok ? null : await response.json();
  } catch {
    return { title: "the server does not answer; try again in a moment" };
  }
}

function clear() {
  problem.textContent = "";
  for (const note of form.querySelectorAll(".wrong")) note.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  }
}

function show(answer) {
  const fields = (answer.fields ?? []).map((wrong) => [form.elements[wrong.path.slice(1)], wrong]).filter(([field]) => field);
  for (const [field, wrong] of fields) {
    const note = document.createElement("p");
    note.className = "wrong";
    note.id = `${field.name}-wrong`;
    note.textContent = sentence(wrong.message);
    field.after(note);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", note.id);
  }
  problem.textContent = sentence(answer.title);
  fields[0]?.[0].focus();
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

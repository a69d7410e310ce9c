/* The custom form: plans of the chosen product, what the plan says where a field is empty, the list of modules
   that belongs to it, and one way to say the end instead of three at once. */
"use strict";

(() => {
  const form = document.getElementById("action-form");
  const facts = JSON.parse(document.getElementById("plan-facts").textContent);
  const field = (name) => form.elements.namedItem(name);
  const wrapper = (name) => form.querySelector(`[name="${name}"]`).closest(".sg-fields > *");
  const plan = field("plan");
  const product = field("product");
  const groups = [...plan.querySelectorAll("optgroup")].map((group) => group.cloneNode(true));
  const SAID = ["seats", "nodes", "machines", "collectors", "days", "warn_days", "grace_days"];

  const changed = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

  /* --- plans of a product --- */

  function narrow() {
    if (!product || product.type === "hidden") return;
    const chosen = plan.value;
    const fits = (option) => !product.value || String(facts[option.value]?.product) === product.value;
    plan.querySelectorAll("optgroup").forEach((group) => group.remove());
    for (const group of groups) {
      if ([...group.querySelectorAll("option")].some(fits)) plan.append(group.cloneNode(true));
    }
    plan.value = [...plan.options].some((option) => option.value === chosen) ? chosen : "";
    if (!plan.value && plan.options.length === 2) plan.selectedIndex = 1;
  }

  /* --- what the plan says --- */

  function asPlanned(name, words) {
    const option = field(name)?.querySelector('option[value=""]');
    if (option) option.textContent = words ? `As the plan says (${words})` : "As the plan says";
  }

  function explain() {
    const said = facts[plan.value];
    for (const name of SAID) {
      if (field(name)) field(name).placeholder = said ? `${said[name]} by the plan` : "";
    }
    asPlanned("kind", said?.kind);
    asPlanned("edition", said?.edition);
    modules(said);
  }

  function modules(said) {
    const mode = form.querySelector('input[name="modules"]:checked')?.value ?? "";
    const text = field("entitlements");
    const granted = said ? Object.keys(said.entitlements) : [];
    form.querySelectorAll("[data-plan-modules]").forEach((note) => {
      note.textContent = said ? `(${granted.join(", ") || "none"})` : "";
    });
    form.querySelectorAll("[data-product]").forEach((list) => {
      list.hidden = mode !== "chosen" || !said || list.dataset.product !== String(said.product);
    });
    const listed = said ? said.catalogue : form.querySelector("[data-product]") !== null;
    const wrong = wrapper("entitlements").querySelector(".errors");
    wrapper("modules").hidden = !listed;
    wrapper("entitlements").hidden = listed && !wrong && !text.value;
    text.placeholder = granted.join("\n");
  }

  function takeOver() {
    const said = facts[plan.value];
    if (!said) return;
    const list = form.querySelector(`[data-product="${said.product}"]`);
    if (!list || list.querySelector("input[type=checkbox]:checked")) return;
    for (const box of list.querySelectorAll("input[type=checkbox]")) {
      const value = said.entitlements[box.value];
      box.checked = value !== undefined;
      const typed = box.closest(".sg-module").querySelector("input[type=text]");
      if (value !== undefined && value !== true && typeof value !== "object") typed.value = String(value);
    }
  }

  /* --- one end --- */

  const ENDS = ["days", "expires_at", "perpetual"];

  function oneEnd(name) {
    const said = field(name);
    if (said.type === "checkbox" ? !said.checked : !said.value) return;
    for (const other of ENDS.filter((each) => each !== name && field(each))) {
      if (field(other).type === "checkbox") field(other).checked = false;
      else field(other).value = "";
    }
  }

  form.addEventListener("change", (event) => {
    const name = event.target.name;
    if (name === "product") narrow();
    if (name === "product" || name === "plan") explain();
    if (name === "modules") {
      if (event.target.value === "chosen") takeOver();
      explain();
    }
    if (ENDS.includes(name)) oneEnd(name);
  });

  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-days]");
    if (!chip) return;
    field("days").value = chip.dataset.days;
    oneEnd("days");
    changed(field("days"));
  });

  form.querySelectorAll("[data-chips]").forEach((chips) => {
    chips.hidden = false;
  });
  narrow();
  explain();
})();

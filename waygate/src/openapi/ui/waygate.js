// Shows the document in Swagger UI, and keeps both in step with the engine.
//
// The engine's events announce a change; the document has the details. Free text of operators is inserted as text only,
// never as markup.
"use strict";

(() => {
  /** The connection counts as lost after this time without an event. The server sends one every 15 s. */
  const SILENCE_MS = 40_000;
  const RETRY_MS = { first: 1_000, most: 30_000 };
  /** A replica behind the same address may see a change a moment later, so the document is loaded once more. */
  const SETTLE_MS = 3_000;

  const documentUrl = new URL(document.body.dataset.openapi, location.href);
  const rootPath = new URL(document.body.dataset.root, location.href).pathname;
  const element = (id) => document.getElementById(id);

  // ---- The bar above Swagger UI -------------------------------------------------------------------------------------

  /** Changes the text only if it differs, since screen readers read out every change. */
  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function paint({ global, service, notices, maintenance }) {
    const health = element("wg-health");
    const operations = maintenance === 1 ? "1 operation" : `${maintenance} operations`;
    if (global.enabled) {
      health.dataset.state = "closed";
      setText(health, `Site-wide maintenance: ${operations} closed`);
    } else if (maintenance > 0) {
      health.dataset.state = "partly";
      setText(health, `${operations} in maintenance`);
    } else {
      health.dataset.state = "open";
      setText(health, "All systems operational");
    }
    paintBanner(global, service, notices ?? []);
  }

  function paintBanner(global, service, notices) {
    const banner = element("wg-banner");
    const content = JSON.stringify([global, service, notices]);
    if (banner.dataset.content === content) return;
    banner.dataset.content = content;
    banner.dataset.state = global.enabled || service?.enabled ? "closed" : "planned";
    banner.replaceChildren();
    paintNotice(banner, "Site-wide maintenance", global);
    if (service) paintNotice(banner, `Maintenance of ${service.service}`, service);
    for (const { text } of notices) {
      const node = document.createElement("span");
      node.className = "wg-banner-notice";
      node.textContent = text;
      banner.append(node);
    }
  }

  function paintNotice(banner, title, { enabled, reason, exempt_paths: exempt, until, planned }) {
    const add = (tag, name, text) => {
      const node = document.createElement(tag);
      node.className = name;
      node.textContent = text;
      banner.append(node);
    };
    if (enabled) {
      add("strong", "wg-banner-title", title);
      if (reason) add("span", "wg-banner-reason", reason);
      if (until) add("span", "wg-banner-time", `Until ${instant(until)}`);
      if (exempt?.length) {
        const paths = exempt.map((path) => path.replace(":/", " /"));
        add("span", "wg-banner-exempt", `Still open: ${paths.join(", ")}`);
      }
    } else if (planned) {
      add("strong", "wg-banner-title", `${title} is planned`);
      if (planned.reason) add("span", "wg-banner-reason", planned.reason);
      const end = planned.end ? ` until ${instant(planned.end)}` : "";
      add("span", "wg-banner-time", `From ${instant(planned.start)}${end}`);
    }
  }

  let confirmedAt = null;

  /** `state` is `connecting`, `live` or `reconnecting`. */
  function paintConnection(state) {
    const node = element("wg-connection");
    node.dataset.state = state;
    const time = confirmedAt?.toLocaleTimeString([], { timeStyle: "medium" });
    const texts = {
      connecting: "Connecting…",
      live: "Live",
      reconnecting: time ? `Reconnecting… shown as of ${time}` : "Reconnecting…",
    };
    setText(node, texts[state]);
  }

  // ---- Badges in Swagger UI -----------------------------------------------------------------------------------------

  function instant(text) {
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) return text;
    // In the reader's time zone, with its name.
    return date.toLocaleString([], {
      year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short",
    });
  }

  function day(text) {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString([], { dateStyle: "medium" });
  }

  /** A description of a planned maintenance. */
  function span({ start, end, reason }) {
    const words = end ? `${instant(start)} to ${instant(end)}` : `From ${instant(start)}`;
    return reason ? `${words}: ${reason}` : words;
  }

  /** The document's facts about an operation; missing ones are `undefined`. */
  function notesOf(system, operation) {
    const spec = system.specSelectors.specJson();
    const found = spec.getIn(["paths", operation.get("path"), operation.get("method")]);
    const get = (name) => found?.get?.(name);
    const list = (name) => get(name)?.toJS?.() ?? [];
    // The banner already has the reasons and the plans that it shows.
    const shown = ["global", "service"].map((of) => spec.getIn(["info", `x-waygate-${of}-maintenance`])?.toJS?.() ?? {});
    const reasons = [get("x-waygate-reason"), ...list("x-waygate-other-reasons")];
    const windows = list("x-waygate-windows");
    const limits = limitsOf(list);
    return {
      maintenance: get("x-waygate-status") === "maintenance",
      reasons: reasons.filter((reason) => reason && !shown.some((of) => of.reason === reason)),
      until: get("x-waygate-until"),
      deprecated: get("deprecated") === true,
      sunset: get("x-waygate-sunset"),
      successor: get("x-waygate-successor"),
      isPlanned: windows.length > 0,
      windows: windows.filter((window) => !shown.some(({ planned }) => isSame(planned, window))),
      environments: list("x-waygate-environments"),
      networks: list("x-waygate-networks"),
      roles: list("x-waygate-roles"),
      forceActive: get("x-waygate-force-active") === true,
      limits: limits.filter((limit) => !isShared(limit)),
      shared: limits.filter(isShared),
    };
  }

  function isSame(planned, { start, end, reason }) {
    return planned?.start === start && planned.end === end && planned.reason === reason;
  }

  /** The limits of an operation; `list` returns a list of its facts. */
  function limitsOf(list) {
    return ["rate", "concurrency"].flatMap((kind) => list(`x-waygate-${kind}-limits`) ?? []);
  }

  /** Returns whether a limit counts the requests of several routes together. */
  function isShared({ scope }) {
    return scope !== "route";
  }

  /** Shows the limits that operations share, once instead of on each of them. */
  function paintShared(spec) {
    const operations = operationsOf(spec).map((operation) => limitsOf((name) => operation[name]).filter(isShared));
    const shared = new Map();
    for (const limit of operations.flat()) {
      const key = JSON.stringify(limit);
      shared.set(key, { limit, count: (shared.get(key)?.count ?? 0) + 1 });
    }
    const badges = [...shared.values()].map(({ limit, count }) => {
      const node = document.createElement("span");
      const exempt = operations.length - count;
      node.className = "wg-badge wg-badge-limit";
      node.title = describe(limit);
      node.textContent = exempt ? `${brief(limit)} (except ${exempt} of ${operations.length} operations)` : brief(limit);
      return node;
    });
    element("wg-shared").replaceChildren(...badges);
  }

  /** A description of the tiers of a limit. */
  function tiersOf(limit) {
    return (limit.tiers ?? []).map(({ name, summary }) => `${name}: ${summary}`);
  }

  /** The tooltip of a limit's badge: its tiers and other properties. */
  function describe(limit) {
    const tiers = tiersOf(limit);
    const notes = limit.shadow ? ["only reports, refuses nothing"] : [];
    return [limit.summary, ...tiers, ...notes].join("\n");
  }

  /** The text of a limit's badge; the number of requests for a concurrency limit. */
  function brief(limit) {
    const all = [limit.summary, ...tiersOf(limit)];
    const text = all.map((words) => words.replace(/^(.*: )?(\d+) requests?/, "$1$2")).join("; ");
    return limit.shadow ? `${text} (shadow)` : text;
  }

  function WaygatePlugin(system) {
    const { createElement: h, Fragment } = system.React;

    function Badges({ notes }) {
      const badge = (kind, text, title) =>
        h("span", { key: kind, className: `wg-badge wg-badge-${kind}`, title }, text);
      const many = (kind, items, text, title) =>
        items.map((item, at) =>
          h("span", { key: `${kind}${at}`, className: `wg-badge wg-badge-${kind}`, title: title(item) }, text(item)),
        );
      const first = notes.windows.slice(0, 1);
      const further = notes.windows.length > 1 ? ` +${notes.windows.length - 1}` : "";
      return h("span", { className: "wg-badges" }, [
        notes.maintenance && badge("maintenance", "Maintenance"),
        notes.forceActive && badge("forced", "Always active", "Stays active whatever its state; not for operators to close"),
        notes.deprecated && badge("deprecated", "Deprecated"),
        notes.sunset && badge("sunset", `Sunset ${day(notes.sunset)}`, notes.sunset),
        many("planned", first, ({ start }) => `Planned ${instant(start)}${further}`, () => notes.windows.map(span).join("\n")),
        notes.environments.length > 0 && badge("environment", `Only in ${notes.environments.join(", ")}`),
        many("role", notes.roles, (name) => `Role ${name}`, () => "Callers need one of these roles"),
        many("network", notes.networks, (network) => network, () => "Clients must come from one of these networks"),
        many("limit", notes.limits, brief, describe),
        many("shared", notes.shared, brief, describe),
      ]);
    }

    function Note({ notes }) {
      const parts = [];
      // The description also announces the maintenance, so an open operation omits it here.
      const maintenance = (key, text, title) =>
        parts.push(h("span", { key, title, className: "wg-note-maintenance" }, text));
      if (notes.reasons.length) maintenance("reason", notes.reasons.join("; "));
      if (notes.until) maintenance("until", `Until ${instant(notes.until)}`, notes.until);
      if (notes.successor) {
        parts.push(h("span", { key: "successor" }, "Use ", h("code", null, notes.successor), " instead"));
      }
      return parts.length ? h("p", { className: "wg-note" }, parts) : null;
    }

    /**
     * Keeps the visible operations until they are resolved again. Swagger UI would empty open operations first, and a
     * form in use would lose the focus.
     */
    function renewResolved() {
      const kept = {};
      const spec = system.specSelectors.specJson();
      system.specSelectors.specResolvedSubtree(["paths"])?.forEach((item, path) => {
        item.forEach((operation, method) => {
          if (!spec.hasIn(["paths", path, method])) return;
          (kept[path] ??= {})[method] = operation?.toJS?.() ?? operation;
          system.specActions.requestResolvedSubtree(["paths", path, method]);
        });
      });
      system.specActions.updateResolvedSubtree([], { paths: kept });
    }

    return {
      statePlugins: { spec: { wrapActions: { invalidateResolvedSubtreeCache: () => renewResolved } } },
      wrapComponents: {
        operation: (Original) => (props) => {
          const { maintenance, deprecated, isPlanned } = notesOf(system, props.operation);
          const names = ["wg-operation"];
          if (maintenance) names.push("wg-maintenance");
          if (maintenance || isPlanned) names.push("wg-quoted");
          if (deprecated) names.push("wg-deprecated");
          const name = names.join(" ");
          return h("div", { className: name }, h(Original, props));
        },
        OperationSummary: (Original) => (props) =>
          h(Fragment, null, h(Original, props), h(Note, { notes: notesOf(system, props.operationProps) })),
        OperationSummaryPath: (Original) => (props) =>
          h(Fragment, null, h(Original, props), h(Badges, { notes: notesOf(system, props.operationProps) })),
      },
    };
  }

  // ---- The document -------------------------------------------------------------------------------------------------

  let ui = null;
  let shown = null;

  function show(text) {
    if (text === shown) return;
    const spec = JSON.parse(text);
    document.title = spec.info?.title || document.title;
    // Paths are relative to where the application is mounted, which the document cannot know.
    if (!spec.servers && rootPath !== "/") spec.servers = [{ url: rootPath.replace(/\/$/, "") }];
    if (ui) {
      ui.specActions.updateSpec(JSON.stringify(spec));
    } else {
      ui = SwaggerUIBundle({
        spec,
        dom_id: "#swagger-ui",
        deepLinking: true,
        displayRequestDuration: true,
        layout: "BaseLayout",
        plugins: [WaygatePlugin],
        presets: [SwaggerUIBundle.presets.apis],
        validatorUrl: null,
      });
      ui.specActions.updateUrl(documentUrl.href);
    }
    shown = text;
    paintShared(spec);
    if (element("wg-connection").dataset.state !== "live") paint(stateOf(spec));
  }

  /** The operations of the document. */
  function operationsOf(spec) {
    return Object.values(spec.paths ?? {}).flatMap((item) => Object.values(item)).filter((o) => o?.responses);
  }

  /** The state in the document, for use without events. */
  function stateOf(spec) {
    return {
      global: spec.info?.["x-waygate-global-maintenance"] ?? { enabled: false },
      service: spec.info?.["x-waygate-service-maintenance"],
      notices: spec.info?.["x-waygate-notices"],
      maintenance: operationsOf(spec).filter((o) => o?.["x-waygate-status"] === "maintenance").length,
    };
  }

  function explain(error) {
    if (ui) return;
    const note = document.createElement("p");
    note.className = "wg-plain";
    note.textContent = `The document could not be loaded (${error.message}). Trying again…`;
    element("swagger-ui").replaceChildren(note);
  }

  let loading = null;
  let again = false;

  /** Loads and shows the document; concurrent calls cause one more run. */
  function refresh() {
    again = true;
    loading ??= (async () => {
      try {
        while (again) {
          again = false;
          const response = await fetch(documentUrl, { cache: "no-cache", signal: AbortSignal.timeout(20_000) });
          if (!response.ok) throw new Error(`status ${response.status}`);
          show(await response.text());
          confirmedAt = new Date();
        }
        return true;
      } catch (error) {
        explain(error);
        return false;
      } finally {
        loading = null;
      }
    })();
    return loading;
  }

  // ---- Events -------------------------------------------------------------------------------------------------------

  let source = null;
  let silence = null;
  let retry = null;
  let settle = null;
  let failures = 0;

  function connect() {
    close();
    source = new EventSource("events");
    source.onmessage = (event) => {
      heard();
      paintConnection("live");
      paint(JSON.parse(event.data));
      load();
      clearTimeout(settle);
      settle = setTimeout(refresh, SETTLE_MS);
    };
    source.addEventListener("alive", heard);
    // The browser stops reconnecting after some errors, such as 503, so the page retries after all errors.
    source.onerror = lost;
    listen();
  }

  function close() {
    source?.close();
    source = null;
    for (const timer of [silence, retry, settle]) clearTimeout(timer);
  }

  function listen() {
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE_MS);
  }

  function heard() {
    confirmedAt = new Date();
    listen();
  }

  /** The document is still loaded, so that the page is updated if events do not get through. */
  async function lost() {
    close();
    const wait = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** failures++);
    retry = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    paintConnection("reconnecting");
    if (await refresh()) paintConnection(element("wg-connection").dataset.state);
  }

  /** Loads the document after an event. */
  async function load() {
    if (await refresh()) failures = 0;
    else if (source) lost();
  }

  // A hidden page closes its connection: browsers open few connections to one server, and visible pages need them.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else {
      paintConnection("connecting");
      connect();
    }
  });

  // ---- Start --------------------------------------------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paintTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paintTheme);
  paintTheme();

  paintConnection("connecting");
  refresh();
  if (!document.hidden) connect();
})();

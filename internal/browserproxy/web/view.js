// What a page shows for what is the case. Nothing here draws.

/** @typedef {import("./environment.js").Obstacle} Obstacle */
/** @typedef {import("./i18n.js").Key} Key */
/** @typedef {import("./i18n.js").Texts} Texts */
/** @typedef {import("./messages.js").ErrorCode} ErrorCode */
/** @typedef {import("./messages.js").State} State */
/** @typedef {import("./params.js").Problem} Problem */

/**
 * What is the case.
 *
 * @typedef {object} Situation
 * @property {readonly Problem[]} problems with the page's parameters
 * @property {Obstacle | null} obstacle
 * @property {boolean} fault whether something of ours broke
 * @property {boolean} on whether the visitor wants it
 * @property {boolean | null} turn whether this tab is the one that serves; null: not known yet
 * @property {State | null} state of the engine; null: there is none
 */

/**
 * Those of 2015 are active; idle, and starting, unmet and trouble, which were that; disabled, and off
 * and elsewhere, which were that; and dead. Unmet is a page that came by https, where nobody
 * was found that such a page can connect to.
 *
 * @typedef {"off" | "starting" | "idle" | "active" | "elsewhere" | "disabled" | "unmet" | "trouble" | "dead"} Kind
 */

/**
 * @typedef {object} View
 * @property {Kind} kind
 * @property {boolean} on
 * @property {boolean} canSwitch
 * @property {string} headline
 * @property {string} more
 * @property {string[]} problems
 * @property {string} short the headline for a badge
 * @property {boolean} canRetry
 * @property {boolean} plain whether it would work by http
 */

/** @type {Record<Obstacle, Key>} */
const reasons = {
  "no-websocket": "whyNoWebSocket",
  "tor-browser": "whyTorBrowser",
  mobile: "whyMobile",
  metered: "whyMetered",
  mixed: "whyMixedServer",
};

/** @type {Record<Problem["code"], Key>} */
const problemTexts = {
  value: "problemValue",
  twice: "problemTwice",
  untrusted: "problemUntrusted",
  alone: "problemAlone",
};

/** @type {Partial<Record<ErrorCode, Key>>} */
const troubles = { unreachable: "troubleSilent", timeout: "troubleSilent", pair: "troublePair" };

/** @type {Record<Kind, {headline: Key, short: Key}>} */
const titles = {
  off: { headline: "stateOff", short: "badgeOff" },
  starting: { headline: "stateStarting", short: "badgeWaiting" },
  idle: { headline: "stateWaiting", short: "badgeWaiting" },
  active: { headline: "stateActive", short: "badgeActive" },
  elsewhere: { headline: "stateElsewhere", short: "badgeElsewhere" },
  disabled: { headline: "stateBlocked", short: "badgeBlocked" },
  unmet: { headline: "stateUnmet", short: "badgeBlocked" },
  trouble: { headline: "stateTrouble", short: "badgeTrouble" },
  dead: { headline: "stateDead", short: "badgeDead" },
};

/**
 * @param {Situation} s
 * @returns {Kind}
 */
function kindOf({ problems, obstacle, fault, on, turn, state }) {
  if (problems.length > 0 || fault) return "dead";
  if (obstacle) return "disabled";
  if (!on) return "off";
  if (turn === false) return "elsewhere";
  if (!turn || !state?.running) return "starting";
  if (state.clients > 0) return "active";
  if (state.error) return "trouble";
  return state.nobody && !state.transports.includes("websocket") ? "unmet" : "idle";
}

/**
 * @param {Kind} kind
 * @param {Situation} s
 * @param {Texts} texts
 * @returns {string}
 */
function moreOf(kind, { problems, obstacle, state }, texts) {
  const { t } = texts;
  switch (kind) {
    case "dead":
      return t(problems.length > 0 ? "deadAddress" : "deadFault");
    case "disabled":
      return obstacle ? t(reasons[obstacle]) : "";
    case "off":
      return t("stateOffMore");
    case "elsewhere":
      return t("stateElsewhereMore");
    case "active":
      return state?.full ? t("stateFull") : "";
    case "idle":
      return t("stateWaitingMore");
    case "unmet":
      return t("whyMixed");
    case "trouble": {
      const what = t(troubles[state?.error?.code ?? "internal"] ?? "troubleAnswer");
      return state?.nextPoll ? `${what} ${t("nextTry", { time: texts.time(state.nextPoll) })}` : what;
    }
    default:
      return "";
  }
}

/**
 * @param {Situation} s
 * @param {Texts} texts
 * @returns {View}
 */
export function view(s, texts) {
  const kind = kindOf(s);
  const n = s.state?.clients ?? 0;
  return {
    kind,
    on: s.on && kind !== "dead" && kind !== "disabled",
    canSwitch: kind !== "dead" && kind !== "disabled",
    headline: texts.t(titles[kind].headline, { n }),
    more: moreOf(kind, s, texts),
    problems: s.problems.map(({ name, value, code }) => texts.t(problemTexts[code], { name, value })),
    short: texts.t(titles[kind].short, { n }),
    canRetry: kind === "trouble" && s.state?.nextPoll !== null,
    plain: kind === "unmet" || s.obstacle === "mixed",
  };
}

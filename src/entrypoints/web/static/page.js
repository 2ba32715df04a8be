// Conveniences. Everything on the pages works without this file.
"use strict";

document.documentElement.classList.add("scripted");

// The viewer's time zone: the server names it once the cookie is there.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").some((each) => each.startsWith("zone="))) {
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  if (zone !== document.body.dataset.zone && document.cookie.includes("zone=")
      && !new URLSearchParams(location.search).has("tz") && !document.querySelector("form.fields")) {
    location.reload();
  }
}

// An error leaves what is shown, and says so until an update succeeds.
const trouble = document.getElementById("trouble");
document.addEventListener("htmx:before:response", (event) => {
  const status = event.detail.ctx.response.status;
  // A form with its mistakes is shown like any other answer.
  const failed = status >= 400 && !(status === 422 && event.target.closest("form.fields"));
  trouble.hidden = !failed;
  if (failed) event.preventDefault();
});
document.addEventListener("htmx:error", () => { trouble.hidden = false; });
// A swap changes what differs and keeps the rest: focus, selection, scrolled and opened parts. The cursor of the chart
// stays at its time, as long as that is shown.
document.addEventListener("htmx:after:swap", () => {
  const chart = document.querySelector("svg[data-place]");
  if (!chart) return;
  const place = points(chart).findIndex(([, , text]) => text === document.getElementById("spoken").textContent);
  if (place >= 0) show(chart, place);
  else hide(chart);
});

// A search is heard as well as seen.
document.addEventListener("htmx:after:swap", () => {
  const results = document.getElementById("results");
  if (results) document.getElementById("found").textContent = results.dataset.found;
});

// A session lasts for minutes: while an admin types, it is renewed.
let renewed = Date.now();
document.addEventListener("input", (event) => {
  if (!event.target.closest("form[data-renews]") || Date.now() - renewed < 60000) return;
  renewed = Date.now();
  fetch(`${document.body.dataset.prefix}/admin/session`, { redirect: "manual" });
});

// After a login in between, the form stands where it was: its address comes back, too.
const restored = document.querySelector("form[data-restored]");
if (restored) history.replaceState(null, "", restored.action);

// The chart: arrow keys and the pointer walk its points, and a live region says them.
function points(chart) {
  return JSON.parse(chart.dataset.points);
}
function show(chart, place) {
  const all = points(chart);
  place = Math.max(0, Math.min(place, all.length - 1));
  const [x, y, text] = all[place];
  const cursor = chart.querySelector("#cursor");
  cursor.setAttribute("visibility", "visible");
  cursor.setAttribute("transform", `translate(${x} 0)`);
  const dot = cursor.querySelector("circle");
  dot.setAttribute("visibility", y === null ? "hidden" : "inherit");
  if (y !== null) dot.setAttribute("cy", y);
  chart.dataset.place = place;
  const spoken = document.getElementById("spoken");
  if (spoken.textContent !== text) spoken.textContent = text;
}
function hide(chart) {
  delete chart.dataset.place;
  chart.querySelector("#cursor").setAttribute("visibility", "hidden");
}
document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.("svg[data-points]");
  if (!chart) return;
  const count = points(chart).length;
  const place = Number(chart.dataset.place ?? count);
  const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: count - 1 };
  if (!(event.key in steps) || count === 0) return;
  event.preventDefault();
  show(chart, steps[event.key]);
  // On a phone the chart is wider than the screen.
  const scroller = chart.closest(".scroll"), seen = scroller.getBoundingClientRect();
  scroller.scrollLeft += chart.querySelector("#cursor").getBoundingClientRect().left - seen.left - seen.width / 2;
});
document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.("svg[data-points]");
  if (!chart) return;
  const box = chart.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * 960;
  const all = points(chart);
  let place = all.length - 1;
  while (place > 0 && all[place][0] > x) place -= 1;
  if (all.length && String(place) !== chart.dataset.place) show(chart, place);
});

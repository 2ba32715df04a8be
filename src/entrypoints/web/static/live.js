// The page of a product follows the product's events. Each has htmx ask for what the page shows by then.
"use strict";

// Milliseconds. What no event tells, as when the product was last seen, is asked for each minute; everything is,
// every 15 s, while there is no stream. Readers of one product spread their requests over a second.
const WITH_STREAM = 60000, WITHOUT_STREAM = 15000, SPREAD = 1000;
const EVENTS = ["price.changed", "product.amended", "product.conflict", "product.registered", "product.rejected", "product.withdrawn"];

let stream = null, timer = 0, due = Infinity, paused = false;

function plan(delay) {
  const at = Date.now() + delay;
  if (at >= due) return;
  clearTimeout(timer);
  timer = setTimeout(refresh, delay);
  due = at;
}
function soon() {
  // Events that come together are asked for together.
  if (due > Date.now() + SPREAD) plan(Math.random() * SPREAD);
}
function refresh() {
  due = Infinity;
  document.getElementById("product").dispatchEvent(new Event("refresh"));
  connect();
  plan(stream?.readyState === 1 ? WITH_STREAM : WITHOUT_STREAM);
}

// The browser connects again by itself, but not after an answer other than 200, as without a place (readyState 2).
function connect() {
  if (!window.EventSource || (stream && stream.readyState !== 2)) return;
  stream = new EventSource(document.getElementById("product").dataset.stream);
  // An event may lie between the page that is shown and the beginning of the stream.
  stream.onopen = soon;
  stream.onerror = () => plan(WITHOUT_STREAM);
  for (const type of EVENTS) stream.addEventListener(type, soon);
}

// A page that nobody sees holds no stream: browsers open few connections to one server, and the server has few places.
function start() {
  if (paused || document.hidden) return;
  connect();
  soon();
}
function stop() {
  stream?.close();
  stream = null;
  clearTimeout(timer);
  due = Infinity;
}
addEventListener("pageshow", start);
addEventListener("pagehide", stop);
document.addEventListener("visibilitychange", () => { document.hidden ? stop() : start(); });
document.addEventListener("change", (event) => {
  if (event.target.id !== "pause") return;
  paused = event.target.checked;
  paused ? stop() : start();
});
document.addEventListener("htmx:after:swap", () => { document.getElementById("pause").checked = paused; });

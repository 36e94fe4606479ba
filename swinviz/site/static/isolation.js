/**
 * A service worker that adds the two headers without which a browser gives WebAssembly no threads, where the server
 * of these files cannot be told to send them. It keeps nothing and asks nobody but that server.
 */
const worker = /** @type {any} */ (self); // the types at hand are those of a window

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (new URL(request.url).origin !== worker.location.origin) return;
  event.respondWith(fetch(request).then((answer) => {
    if (!answer.ok && answer.type !== "basic") return answer;
    const headers = new Headers(answer.headers);
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Cross-Origin-Embedder-Policy", "require-corp");
    return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
  }));
});

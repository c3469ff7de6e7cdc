// More than a server can serve. It must refuse well, with a whole 503 at once and Retry-After, and go on
// answering /health. Give it a server that can be filled:
//
//     cargo herd --num-workers 1 --threads-per-worker 1 --queue-size 2 --hand-off always
//     k6 run --env HERD=http://127.0.0.1:8080 tests/load/k6/storm.js
//
// HERD     where the server is; it must have a /large.html
// SECONDS  how long the storm lasts (20)
// CLIENTS  how many ask again and again (100)
import { check } from "k6";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";

const herd = __ENV.HERD || "http://127.0.0.1:8080";
const duration = `${Number(__ENV.SECONDS || 20)}s`;

const served = new Counter("served");
const refused = new Counter("refused");
const refusal = new Trend("refusal_duration", true);

// A refusal is an answer here, and not a failure.
http.setResponseCallback(http.expectedStatuses(200, 503));

export const options = {
    scenarios: {
        storm: { executor: "constant-vus", vus: Number(__ENV.CLIENTS || 100), duration, exec: "storm" },
        monitoring: { executor: "constant-vus", vus: 1, duration, exec: "monitoring" },
    },
    thresholds: {
        // Some are served and some are refused; no client is left without an answer.
        served: ["count>0"],
        refused: ["count>0"],
        http_req_failed: ["rate==0"],
        checks: ["rate==1"],
    },
};

export function storm() {
    const response = http.get(`${herd}/large.html`);
    if (response.status === 503) {
        refused.add(1);
        refusal.add(response.timings.duration);
        check(response, { "a refusal says when to come again": (it) => Number(it.headers["Retry-After"]) > 0 });
    } else if (check(response, { "an answer is the file": (it) => it.status === 200 && it.body.length > 0 })) {
        served.add(1);
    }
}

export function monitoring() {
    check(http.get(`${herd}/health`), { "monitoring is answered": (it) => it.json("status") === "ok" });
}

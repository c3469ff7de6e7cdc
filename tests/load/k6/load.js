// A load that grows, stays and goes, with limits that it must keep:
//
//     k6 run --env HERD=http://127.0.0.1:8080 tests/load/k6/load.js
//
// HERD              where the server is
// SECONDS           how long each of the three phases takes (20)
// VISITORS          how many visitors there are at the most (50)
// P95_MILLISECONDS  what 95 of 100 answers must not exceed (200)
import { check, sleep } from "k6";
import http from "k6/http";

const herd = __ENV.HERD || "http://127.0.0.1:8080";
const seconds = Number(__ENV.SECONDS || 20);
const visitors = Number(__ENV.VISITORS || 50);

export const options = {
    stages: [
        { duration: `${seconds}s`, target: visitors },
        { duration: `${seconds}s`, target: visitors },
        { duration: `${seconds}s`, target: 0 },
    ],
    thresholds: {
        http_req_duration: [`p(95)<${__ENV.P95_MILLISECONDS || 200}`],
        http_req_failed: ["rate<0.01"],
        checks: ["rate>0.99"],
    },
};

/** A visitor: the page and its style sheet at once, then a moment to read. */
export default function visit() {
    const [page, style] = http.batch([`${herd}/`, `${herd}/style.css`]);
    check(page, {
        "the page is there": (response) => response.status === 200,
        "and whole": (response) => response.body.length === Number(response.headers["Content-Length"]),
    });
    check(style, { "the style sheet is there": (response) => response.status === 200 });
    // A returning visitor asks whether there is anything new.
    const again = http.get(`${herd}/`, { headers: { "If-None-Match": page.headers["Etag"] } });
    check(again, { "nothing is new": (response) => response.status === 304 });
    sleep(Math.random() * 0.2);
}

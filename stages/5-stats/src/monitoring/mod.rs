//! The monitoring paths.
//!
//! | path         | for                | format                            |
//! |--------------|--------------------|-----------------------------------|
//! | `/health`    | a load balancer    | JSON, two fields                  |
//! | `/stats`     | a person, a script | JSON, every number we have        |
//! | `/metrics`   | Prometheus         | text format 0.0.4                 |
//! | `/dashboard` | a class            | a page that asks `/stats` by itself |
//!
//! They hide files of the same names, unless monitoring has an address of its own.

mod dashboard;
mod metrics;
mod stats;

use http::request::Request;
use http::response::{Body, Response};
use parts::request::Target;
use parts::stats::SharedStats;
use program::settings::Settings;
use serde::Serialize;

/// How much each worker can take at once: the limits to compare the gauges with.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Capacity {
    /// Threads that answer requests.
    pub threads_per_worker: usize,
    /// Requests that may wait for them.
    pub queue_size: usize,
}

impl From<&Settings> for Capacity {
    fn from(settings: &Settings) -> Capacity {
        Capacity { threads_per_worker: settings.threads_per_worker, queue_size: settings.queue_size }
    }
}

/// Returns why no file can be served, if that is so.
pub type Ailment<'a> = &'a dyn Fn() -> Option<&'static str>;

/// The answer to a request for a monitoring path, by any worker for all; `None` for every other path. Never waits
/// longer than a scrape of another worker takes. `ailment` says why no file can be served, if that is so.
pub fn answer(
    request: &Request<'_>,
    stats: &SharedStats,
    capacity: Capacity,
    ailment: Ailment<'_>,
) -> Option<Response> {
    // ANCHOR: answer
    let Target::Path(path) = &request.target else { return None };
    let page: fn(&SharedStats, Capacity, Ailment<'_>) -> Response = match path.as_str() {
        "health" => |stats, _, ailment| health(stats, ailment()),
        "stats" => |stats, capacity, _| stats::page(stats, capacity),
        "metrics" => |stats, capacity, _| metrics::page(stats, capacity),
        "dashboard" => |_, _, _| dashboard::page(),
        "dashboard/style.css" => |_, _, _| dashboard::style(),
        "dashboard/model.js" => |_, _, _| dashboard::model(),
        "dashboard/draw.js" => |_, _, _| dashboard::draw(),
        _ => return None,
    };
    let mut response = match request.head.method {
        _ if path.is_directory() => return None,
        "GET" | "HEAD" => page(stats, capacity, ailment),
        _ => {
            let mut refusal = Response::page(405, "Statistics can only be read");
            refusal.add("Allow", "GET, HEAD");
            refusal
        }
    };
    response.add("Cache-Control", "no-store");
    response.monitoring = true;
    Some(response)
    // ANCHOR_END: answer
}

/// The answer to every other request at the monitoring address. It counts as a monitoring request: a mistyped path must
/// not look like an error of the site.
pub fn nothing_else() -> Response {
    let mut response = Response::page(404, "This address is for monitoring");
    response.monitoring = true;
    response
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    active_connections: u64,
}

/// A worker that can answer this is healthy, unless it has nothing to serve.
fn health(stats: &SharedStats, ailment: Option<&'static str>) -> Response {
    let active_connections = stats.snapshot().total.gauges.connections_active;
    let mut response = json(&Health { status: ailment.unwrap_or("ok"), active_connections });
    if ailment.is_some() {
        response.status = 503;
    }
    response
}

/// A value as a JSON response.
fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            text.push(b'\n');
            typed(text, "application/json")
        }
        Err(_) => Response::page(500, "The statistics could not be written as text"),
    }
}

fn typed(text: Vec<u8>, content_type: &str) -> Response {
    let mut response = Response::new(200, Body::Text(text));
    response.add("Content-Type", content_type);
    response
}

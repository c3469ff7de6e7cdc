//! Stage 5: the server reports what it does, in correct numbers, however busy it is.

mod address;
mod dashboard;
mod endpoints;
mod exposition;
mod numbers;

use crate::PROGRAM;
use e2e::{Client, Json, Server, Site, eventually};

/// One worker, so that there is one cache and a known number of threads.
const ONE: [&str; 4] = ["--num-workers", "1", "--threads-per-worker", "2"];

fn start(site: &Site) -> Server {
    PROGRAM.serve(site, &ONE)
}

/// The numbers of all workers together.
#[track_caller]
fn total(client: &mut Client) -> Json {
    client.get("/stats").expect(200).json()["total"].take()
}

/// A number of the totals. A name such as `responses/200` is a path into nested objects.
#[track_caller]
fn number(total: &Json, name: &str) -> u64 {
    let value = total.pointer(&format!("/{name}"));
    value
        .and_then(Json::as_u64)
        .unwrap_or_else(|| panic!("/stats should have a number total/{name}: {total}"))
}

/// Waits until `requests` requests are counted. A response is counted when its last byte is sent, which may be a moment
/// after the client has it.
#[track_caller]
fn when_counted(client: &mut Client, requests: u64) -> Json {
    let mut last = Json::Null;
    eventually(&format!("/stats counts {requests} requests"), || {
        last = total(client);
        number(&last, "requests") >= requests
    });
    last
}

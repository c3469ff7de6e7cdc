//! Stage 5: the server says what it does, in numbers that are right, whatever else it is busy with.

mod address;
mod dashboard;
mod endpoints;
mod exposition;
mod numbers;

use crate::PROGRAM;
use e2e::{Client, Json, Server, Site, eventually};

/// One worker, so that there is one cache, and a number of threads that is known.
const ONE: [&str; 4] = ["--num-workers", "1", "--threads-per-worker", "2"];

fn start(site: &Site) -> Server {
    PROGRAM.serve(site, &ONE)
}

/// The numbers of all workers together.
#[track_caller]
fn total(client: &mut Client) -> Json {
    client.get("/stats").expect(200).json()["total"].take()
}

/// A number of the totals. A name like `responses/200` leads into what is nested.
#[track_caller]
fn number(total: &Json, name: &str) -> u64 {
    let value = total.pointer(&format!("/{name}"));
    value
        .and_then(Json::as_u64)
        .unwrap_or_else(|| panic!("/stats should have a number total/{name}: {total}"))
}

/// Waits until so many requests are counted. A response is counted when its last byte is sent, which may be a
/// moment after the client has it.
#[track_caller]
fn when_counted(client: &mut Client, requests: u64) -> Json {
    let mut last = Json::Null;
    eventually(&format!("/stats counts {requests} requests"), || {
        last = total(client);
        number(&last, "requests") >= requests
    });
    last
}

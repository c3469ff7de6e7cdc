//! Clients that keep a server busy and remember everything that went wrong.

use e2e::{Client, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// How a client of a [`Load`] uses its connections.
#[derive(Debug, Clone, Copy)]
pub enum Habit {
    /// A connection for each request.
    Fresh,
    /// One connection until the server ends it.
    Kept,
}

/// Clients that send request after request.
pub struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Begins with a client for each habit.
    pub fn begin(server: &Server, habits: &[Habit]) -> Load {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = habits.iter().map(|&habit| {
            let (address, over, answered) = (server.address(), over.clone(), answered.clone());
            thread::spawn(move || go_on(address, habit, &over, &answered))
        });
        let clients = clients.collect();
        Load { over, answered, clients }
    }

    /// Requests answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until `requests` more requests are answered.
    #[track_caller]
    pub fn go_on_for(&self, requests: u64) {
        let goal = self.answered() + requests;
        e2e::eventually(&format!("{requests} more requests are answered"), || self.answered() >= goal);
    }

    /// Ends the load. Returns every failure.
    pub fn end(mut self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        let clients = self.clients.drain(..);
        clients
            .flat_map(|client| client.join().unwrap_or_else(|_| vec!["a client panicked".to_owned()]))
            .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn go_on(address: SocketAddr, habit: Habit, over: &AtomicBool, answered: &AtomicU64) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept = None;
    while !over.load(Ordering::Relaxed) {
        let mut client = kept.take().unwrap_or_else(|| Client::connect(address));
        let fields: &[&str] = match habit {
            Habit::Fresh => &["Connection: close"],
            Habit::Kept => &[],
        };
        match client.try_ask("GET", "/", fields) {
            Ok(response) if response.status == 200 && response.text() == "home\n" => {
                answered.fetch_add(1, Ordering::Relaxed);
                kept = (response.header("Connection") != Some("close")).then_some(client);
            }
            Ok(response) => failures.push(format!("status {}: {}", response.status, response.text())),
            Err(lost) => failures.push(lost.to_string()),
        }
    }
    failures
}

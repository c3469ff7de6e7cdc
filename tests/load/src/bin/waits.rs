//! `tests/load/waits`: the longest wait of a new client while one of two workers cannot serve.
//!
//! Forty clients come, one after the other, 20 ms apart, each on a connection of its own: the kernel gives about half
//! of them to each worker's socket. Another program can be measured beside this one, such as a herd from before a
//! change.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use e2e::{Pid, Program, Server, Signal, Site, accepted, kill};
use load::machine::Machine;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Measures the longest wait of a new client while one of two workers cannot serve.
#[derive(Parser)]
struct Flags {
    /// Another program to measure beside this one.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Writes the table to this file.
    #[arg(long)]
    table: Option<PathBuf>,
}

const CLIENTS: usize = 40;
const APART: Duration = Duration::from_millis(20);
/// How long a client waits before it counts as not served.
const LIMIT: Duration = Duration::from_secs(20);

/// What keeps a worker from serving.
type Trouble = fn(&Server) -> Result<()>;

const TROUBLES: [(&str, &[&str], Trouble); 5] = [
    ("both serve", &[], |_| Ok(())),
    ("one was killed eight times, and backs off", &[], back_off),
    ("one cannot start, and is given up", &[], give_up),
    ("one is stopped (`SIGSTOP`)", &[], stop),
    (
        "one has a full queue",
        &["--threads-per-worker", "1", "--queue-size", "8", "--hand-off", "always"],
        fill,
    ),
];

fn main() -> Result<()> {
    let flags = Flags::parse();
    let here = std::env::current_exe()?.parent().context("a folder of programs")?.join("herd");
    let programs: Vec<&Path> = std::iter::once(&*here).chain(flags.against.as_deref()).collect();
    let names = ["herd", "before"];
    let mut table = String::from("| of two workers |");
    for (name, _) in names.iter().zip(&programs) {
        write!(table, " {name}: a page | `/health` |")?;
    }
    table += "\n|---|";
    table += &"---:|---:|".repeat(programs.len());
    for (what, settings, trouble) in TROUBLES {
        write!(table, "\n| {what} |")?;
        for program in &programs {
            for path in ["/", "/health"] {
                // A new herd for each path, because the first client of a crowd may be the one that makes the trouble
                // known.
                let server = start(program, settings)?;
                trouble(&server)?;
                write!(table, " {} |", crowd(server.address(), path))?;
            }
        }
    }
    let command =
        std::env::args().skip(1).fold("tests/load/waits".to_owned(), |text, word| text + " " + &word);
    write!(
        table,
        "\n\nThe longest wait of {CLIENTS} new clients, {} ms apart. Written by `{command}`: {}.\n",
        APART.as_millis(),
        Machine::here(&[])
    )?;
    print!("{table}");
    if let Some(file) = flags.table {
        fs::write(file, table)?;
    }
    Ok(())
}

fn start(program: &Path, settings: &[&str]) -> Result<Server> {
    // `Program` needs a `'static` path, because the tests know theirs at compile time.
    let path: &'static str = Box::leak(program.to_str().context("a plain path")?.to_owned().into_boxed_str());
    let launch = Program { name: "herd", path }.launch().site(&Site::new());
    Ok(launch.flags(&["--num-workers", "2"]).flags(settings).start())
}

/// Lets a crowd come. Returns the longest wait, or how many clients were not served.
fn crowd(address: SocketAddr, path: &'static str) -> String {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            thread::sleep(APART);
            thread::spawn(move || wait(address, path))
        })
        .collect();
    let waits: Vec<_> = clients.into_iter().filter_map(|client| client.join().ok()?.ok()).collect();
    match (waits.len(), waits.iter().max()) {
        (CLIENTS, Some(longest)) => format!("{} ms", longest.as_millis()),
        (served, _) => format!("{} of {CLIENTS} not served", CLIENTS - served),
    }
}

/// How long it takes until a page begins to arrive.
fn wait(address: SocketAddr, path: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut client = TcpStream::connect_timeout(&address, LIMIT)?;
    client.set_read_timeout(Some(LIMIT))?;
    write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut begin = [0; 15];
    client.read_exact(&mut begin)?;
    ensure!(&begin == b"HTTP/1.1 200 OK", "refused");
    Ok(began.elapsed())
}

/// The worker of the second slot, once it has one.
fn victim(server: &Server, survivor: Pid) -> Option<Pid> {
    server.workers().into_iter().find(|&pid| pid != survivor)
}

fn back_off(server: &Server) -> Result<()> {
    let survivor = *server.workers().first().context("a worker")?;
    for _ in 0..8 {
        let victim = loop {
            match victim(server, survivor) {
                Some(pid) => break pid,
                None => thread::sleep(APART),
            }
        };
        kill(victim, Signal::SIGKILL)?;
        while victim_lives(server, victim) {
            thread::sleep(APART);
        }
    }
    Ok(())
}

fn victim_lives(server: &Server, pid: Pid) -> bool {
    server.workers().contains(&pid)
}

/// Kills a worker, and leaves its successors without the descriptors that they need at the start.
fn give_up(server: &Server) -> Result<()> {
    let survivor = *server.workers().first().context("a worker")?;
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid()))?.count();
    let limit = Command::new("prlimit")
        .args([format!("--pid={}", server.pid()), format!("--nofile={open}:")])
        .status()
        .context("cannot run prlimit(1)")?;
    ensure!(limit.success(), "no limit could be set");
    kill(victim(server, survivor).context("a worker")?, Signal::SIGKILL)?;
    let began = Instant::now();
    while !server.stderr().contains("given up") {
        ensure!(began.elapsed() < 2 * LIMIT, "the slot was not given up: {}", server.stderr());
        thread::sleep(APART);
    }
    Ok(())
}

fn stop(server: &Server) -> Result<()> {
    Ok(kill(*server.workers().first().context("a worker")?, Signal::SIGSTOP)?)
}

/// Makes nine clients of one worker ask without a pause as long as the server lives: one for its thread, eight for its
/// queue.
fn fill(server: &Server) -> Result<()> {
    let busy = *server.workers().first().context("a worker")?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(server.address())?;
        write!(client, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        ensure!(client.read(&mut [0; 4096])? > 0, "a client was sent away");
        clients.push(client);
    }
    let its = accepted(server.address(), busy);
    for client in clients {
        if its.contains(&client.local_addr()?.port()) {
            thread::spawn(move || ask_for_ever(client));
        }
    }
    thread::sleep(Duration::from_millis(300));
    Ok(())
}

fn ask_for_ever(mut client: TcpStream) -> Result<()> {
    let requests = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let mut reader = client.try_clone()?;
    thread::spawn(move || while reader.read(&mut [0; 1 << 16]).is_ok_and(|count| count > 0) {});
    loop {
        client.write_all(requests.as_bytes())?;
    }
}

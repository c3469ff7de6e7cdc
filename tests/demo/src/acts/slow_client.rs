//! Clients that begin a request and do not end it.

use super::Act;
use crate::show::Kind::{Numbers, Words};
use crate::show::{STAGES, Show, Shown, Table};
use anyhow::{Context, Result, ensure};
use e2e::{Client, Server, Site};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub const ACT: Act = Act {
    title: "One slow client, and then four",
    announcement: "Slow clients send half a request and stop. Then somebody else asks, and waits a second at most. \
                   Each stage that has a pool, or a limit of threads, has 4.",
    question: "Which stages do not answer beside one slow client? Which do not beside four?",
    play,
};

/// How long it takes to be sure that nothing comes. What comes, comes within a millisecond, and a stage that does not
/// answer has not begun to.
const LONG: Duration = Duration::from_secs(1);
/// How long something that must come may take on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(20);

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("index.html", "hello\n");
    let mut table = Table::new(
        show,
        &[
            ("stage", 24, Words),
            ("alone", 12, Numbers),
            ("beside 1", 12, Numbers),
            ("beside 4", 12, Numbers),
            ("when they left", 14, Numbers),
        ],
    );
    for (number, (_, adds)) in (1..).zip(STAGES) {
        let server = show.stage(number, &site, &["--threads-per-worker", "4"]).start();
        let stuck_beside = match number {
            1 => 1,
            2 => 4,
            _ => usize::MAX,
        };
        let mut slow = Vec::new();
        let mut cells = vec![format!("{number} {adds}")];
        for count in [0, 1, 4] {
            slow.resize_with(count, || slow_client(&server));
            let answers = count < stuck_beside;
            let time = ask(&server, if answers { DEADLINE } else { LONG })?;
            ensure!(
                time.is_some() == answers,
                "beside {count} slow clients, stage {number} should {} answer",
                if answers { "soon" } else { "not" }
            );
            cells.push(time.map_or_else(|| "no answer".to_owned(), milliseconds));
            table.now(&cells);
        }
        slow.clear();
        let time = ask(&server, DEADLINE)?;
        cells.push(milliseconds(time.with_context(|| format!("stage {number} does not recover"))?));
        table.row(cells);
    }
    Ok(table.finding(
        "A thread that waits for one client serves nobody else. From stage 3 on, no thread waits for a client: epoll \
         does.",
    ))
}

fn slow_client(server: &Server) -> Client {
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: ");
    client
}

/// How long a page takes. `None` if nothing has come after `patience`.
fn ask(server: &Server, patience: Duration) -> io::Result<Option<Duration>> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.address())?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    stream.set_read_timeout(Some(patience))?;
    let mut first = [0; 12];
    match stream.read_exact(&mut first) {
        Ok(()) if first == *b"HTTP/1.1 200" => Ok(Some(began.elapsed())),
        Ok(()) => Err(io::Error::other(String::from_utf8_lossy(&first).into_owned())),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

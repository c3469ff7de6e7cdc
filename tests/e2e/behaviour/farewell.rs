//! The end of a server with several threads: no new client, and a last answer for connected clients.

use crate::PROGRAM;
use e2e::{Ending, Signal, Site, eventually, unread};
use verdict::test;

#[test]
fn a_last_answer_says_that_it_is_the_last() {
    // One worker, because of several, one may shut the sockets down before the worker with this client has received the
    // stop.
    let server = PROGRAM.serve(&Site::new(), &["--num-workers", "1"]);
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: loc");
    eventually("the server reads the first half", || unread(server.address()) == 0);
    server.signal(Signal::SIGTERM);
    eventually("the server accepts no more clients", || server.refuses_connections());
    client.send("alhost\r\n\r\n");
    let response = client.response().expect(200);
    assert_eq!(
        response.header("Connection"),
        Some("close"),
        "a client should be told not to send another request"
    );
    assert_eq!(client.ending(), Ending::Closed, "the last answer should be followed by a FIN");
    drop(client);
    assert_eq!(server.exit_code(), Some(0));
}

// socket.rs
pub fn bind_group(address: SocketAddr, count: usize) -> io::Result<Vec<ListeningSocket>> {
    // Dropped immediately. It never listened, so no client can have reached it. Port 0 is
    // always free.
    drop(bound(address, Port::Alone)?);
    let mut group: Vec<ListeningSocket> = Vec::with_capacity(count);
    for _ in 0..count {
        if let Some(ListeningSocket(first)) = group.first() {
            let copy = ListeningSocket(first.try_clone()?);
            group.push(copy);
            continue;
        }
        let descriptor = bound(address, Port::Shared)?;
        // Each socket listens before the next is bound, so after the first one another herd is
        // refused.
        listen(&descriptor, Backlog::MAXALLOWABLE)?;
        group.push(ListeningSocket(TcpListener::from(descriptor)));
    }
    Ok(group)
}

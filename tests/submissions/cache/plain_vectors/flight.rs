//! A flight whose state is one field, and whose value is another.

use crate::sync::{Condvar, Mutex};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Flight<V> {
    board: Mutex<Board<V>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Board<V> {
    over: bool,
    value: Option<Arc<V>>,
}

impl<V> Flight<V> {
    pub(crate) fn new() -> Flight<V> {
        Flight { board: Mutex::new(Board { over: false, value: None }), changed: Condvar::new() }
    }

    pub(crate) fn land(&self, value: Option<Arc<V>>) {
        let mut board = self.board.lock().unwrap();
        board.value = value;
        board.over = true;
        drop(board);
        self.changed.notify_all();
    }

    pub(crate) fn wait(&self) -> Option<Arc<V>> {
        let mut board = self.board.lock().unwrap();
        while !board.over {
            board = self.changed.wait(board).unwrap();
        }
        board.value.clone()
    }
}

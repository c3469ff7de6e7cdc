//! What `std` has and a lab may not use, because a model cannot simulate it. A call of it does not compile, and the
//! compiler names the rule that forbids it.
//!
//! Each rule is a trait that nothing implements. A call that needs it is refused where the student has written it, with the
//! rule's own words.

macro_rules! rules {
    ($($rule:ident: $message:literal, $why:literal;)*) => {$(
        #[doc = $message]
        #[diagnostic::on_unimplemented(message = $message, label = "a rule of the labs forbids this", note = $why)]
        pub trait $rule {}
    )*};
}

rules! {
    NobodyTries: "`try_lock`, `try_read` and `try_write` are not for a lab",
        "Take the lock with `lock`, `read` or `write`, look, and give it back. A model cannot play a lock that is only tried: loom takes it for a deadlock.";
    TimeStandsStill: "a wait that ends by itself is not for a lab",
        "A thread sleeps until it is woken (`wait`, `wait_while`), and the thread that changes what it waits for wakes it. In a model no time passes, so a wait that ends by itself would never end.";
    AddressesStayHidden: "the address of an atomic is not for a lab",
        "Nothing that is written in a lab is unsafe, and a model sees only what goes through the methods of an atomic.";
    NobodyDowngrades: "`downgrade` is not for a lab",
        "Drop the write guard, call `read`, and look again. A model has no step that turns one into the other.";
    OnlyWhatModelsKnow: "`Barrier`, `Once`, `OnceLock`, `LazyLock` and `mpsc` are not for a lab",
        "Threads would sleep in it where no model sees them. Build what you need from `Mutex`, `RwLock`, `Condvar`, atomics and `fence`.";
    OnlyProcessesShare: "`Mutex`, `RwLock` and `Condvar` are not for this lab",
        "What this lab writes lies in memory that processes share. These types know only the threads of one process, and a holder that is killed never unlocks. Use atomics, `FutexWord` and `SharedSemaphore`.";
    ThreadsOutliveTheirStart: "scoped threads are not for a model",
        "Use `spawn`, share with `Arc`, and `join`. A model's threads own what they use.";
    NobodyAsksForTheEnd: "`is_finished` is not for a model",
        "Wait for the thread with `join`. Whether a thread has ended already is different in each interleaving.";
}

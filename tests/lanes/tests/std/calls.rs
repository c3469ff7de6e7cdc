// What std's locks and threads can do: each method of theirs that is stable in Rust 1.95, called. Included where `sync` and
// `thread` are std's, and where they are the models'. Calls that a rule forbids are in refused.txt.

use sync::{Arc, Condvar, LockResult, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

pub fn all_locks() {
    let mut mutex: Mutex<u32> = Mutex::new(1);
    let guard: LockResult<MutexGuard<'_, u32>> = mutex.lock();
    let mut guard = guard.unwrap_or_else(PoisonError::into_inner);
    *guard += 1;
    assert_eq!(format!("{guard}"), "2");
    let _ = format!("{guard:?}");
    drop(guard);
    assert!(!mutex.is_poisoned());
    mutex.clear_poison();
    *mutex.get_mut().unwrap() += 1;
    let _ = (format!("{mutex:?}"), Mutex::<u32>::default(), Mutex::from(7));
    assert_eq!(mutex.into_inner().unwrap(), 3);

    let mut lock: RwLock<u32> = RwLock::new(1);
    let reader: LockResult<RwLockReadGuard<'_, u32>> = lock.read();
    assert_eq!(format!("{}", reader.unwrap()), "1");
    let writer: LockResult<RwLockWriteGuard<'_, u32>> = lock.write();
    assert_eq!(format!("{}", writer.unwrap()), "1");
    *lock.write().unwrap() += 1;
    assert!(!lock.is_poisoned());
    lock.clear_poison();
    *lock.get_mut().unwrap() += 1;
    let _ = (format!("{lock:?}"), RwLock::<u32>::default(), RwLock::from(7));
    assert_eq!(lock.into_inner().unwrap(), 3);

    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let weak: Weak<(Mutex<bool>, Condvar)> = Arc::downgrade(&shared);
    let opener = thread::spawn(move || {
        let shared = weak.upgrade().unwrap();
        *shared.0.lock().unwrap() = true;
        shared.1.notify_one();
        shared.1.notify_all();
    });
    let mut open = shared.0.lock().unwrap();
    while !*open {
        open = shared.1.wait(open).unwrap();
    }
    let open = shared.1.wait_while(open, |open| !*open).unwrap();
    let _ = (format!("{:?}", shared.1), Condvar::default());
    assert!(*open);
    drop(open);
    opener.join().unwrap();
}

pub fn all_threads() {
    let main = thread::current();
    let met = Arc::new(Mutex::new(0));
    let other = met.clone();
    let named = thread::Builder::new().name("named".to_owned()).stack_size(1 << 20);
    let named = named.spawn(move || {
        assert_eq!(thread::current().name(), Some("named"));
        *other.lock().unwrap() += 1;
        main.unpark();
        thread::yield_now();
    });
    let named = named.unwrap();
    *met.lock().unwrap() += 1;
    // It may end for nothing, and here it may end before it begins.
    thread::park();
    assert_ne!(named.thread().id(), thread::current().id());
    named.thread().unpark();
    let result: thread::Result<()> = named.join();
    result.unwrap();
    assert!(!thread::panicking());
    let _ = thread::available_parallelism();
    let _: thread::JoinHandle<u32> = thread::spawn(|| 3);
}

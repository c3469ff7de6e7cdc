//! Types of `std::sync` that a lab may not use: code can name them, but cannot make one. See [`crate::rules`].
#![allow(missing_docs, clippy::new_without_default)]

use crate::rules::OnlyWhatModelsKnow;
use std::marker::PhantomData;

macro_rules! missing {
    ($rule:ident: $($name:ident $(<$T:ident>)?, new($($argument:ty)?);)*) => {$(
        #[derive(Debug)]
        pub struct $name $(<$T>(PhantomData<$T>))?;

        impl $(<$T>)? $name $(<$T>)? {
            pub const fn new($(_: $argument)?) -> Self
            where
                for<'a> (): $rule,
            {
                unreachable!()
            }
        }
    )*};
}

missing! { OnlyWhatModelsKnow:
    Barrier, new(usize);
    Once, new();
    OnceLock<T>, new();
    LazyLock<T>, new(fn() -> T);
}

/// Channels.
pub mod mpsc {
    use super::OnlyWhatModelsKnow;
    pub use std::sync::mpsc::{
        Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryRecvError, TrySendError,
    };

    pub fn channel<T>() -> (Sender<T>, Receiver<T>)
    where
        for<'a> (): OnlyWhatModelsKnow,
    {
        std::sync::mpsc::channel()
    }

    pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>)
    where
        for<'a> (): OnlyWhatModelsKnow,
    {
        std::sync::mpsc::sync_channel(bound)
    }
}

/// Types that a lab cannot use if processes share its memory.
pub mod unshared {
    use crate::rules::OnlyProcessesShare;
    use std::marker::PhantomData;

    missing! { OnlyProcessesShare:
        Mutex<T>, new(T);
        RwLock<T>, new(T);
        Condvar, new();
    }
}

// What std's atomics can do: each method of theirs that is stable in Rust 1.95, called. Included where `sync` is std's,
// where it is the models', and where it is that of the server that dies. Calls that a rule forbids are in refused.txt.

use sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize, Ordering, compiler_fence, fence,
};

macro_rules! calls {
    ($($name:ident: $type:ident, $value:ty, { $($more:ident)* };)*) => {$(
        fn $name(mut atomic: $type, value: $value) -> $value {
            let by = Ordering::SeqCst;
            *atomic.get_mut() = value;
            let copied = *atomic.get_mut();
            atomic.store(copied, by);
            let _: $value = atomic.load(by);
            let _: $value = atomic.swap(value, by);
            let _: Result<$value, $value> = atomic.compare_exchange(value, value, by, by);
            let _: Result<$value, $value> = atomic.compare_exchange_weak(value, value, by, by);
            let _: Result<$value, $value> = atomic.fetch_update(by, by, |value| Some(value));
            let _: Result<$value, $value> = atomic.try_update(by, by, |value| Some(value));
            let _: $value = atomic.update(by, by, |value| value);
            $(let _: $value = atomic.$more(value, by);)*
            let _ = ($type::default(), $type::from(value), format!("{atomic:?}"));
            fence(by);
            compiler_fence(by);
            atomic.store(value, by);
            atomic.into_inner()
        }
    )*};
}

macro_rules! integers {
    ($($name:ident: $type:ident, $value:ty;)*) => { calls! { $(
        $name: $type, $value, { fetch_add fetch_sub fetch_and fetch_nand fetch_or fetch_xor fetch_max fetch_min };
    )* } };
}

calls! { of_bool: AtomicBool, bool, { fetch_and fetch_nand fetch_or fetch_xor }; }

integers! {
    of_u8: AtomicU8, u8;
    of_u16: AtomicU16, u16;
    of_u32: AtomicU32, u32;
    of_u64: AtomicU64, u64;
    of_usize: AtomicUsize, usize;
    of_i8: AtomicI8, i8;
    of_i16: AtomicI16, i16;
    of_i32: AtomicI32, i32;
    of_i64: AtomicI64, i64;
    of_isize: AtomicIsize, isize;
}

pub fn all_atomics() {
    let not = AtomicBool::new(true);
    assert!(not.fetch_not(Ordering::SeqCst) && of_bool(not, true));
    let integers: [bool; 10] = [
        of_u8(AtomicU8::new(1), 9) == 9,
        of_u16(AtomicU16::new(1), 9) == 9,
        of_u32(AtomicU32::new(1), 9) == 9,
        of_u64(AtomicU64::new(1), 9) == 9,
        of_usize(AtomicUsize::new(1), 9) == 9,
        of_i8(AtomicI8::new(1), 9) == 9,
        of_i16(AtomicI16::new(1), 9) == 9,
        of_i32(AtomicI32::new(1), 9) == 9,
        of_i64(AtomicI64::new(1), 9) == 9,
        of_isize(AtomicIsize::new(1), 9) == 9,
    ];
    assert_eq!(integers, [true; 10], "u8, u16, u32, u64, usize, then the signed ones");
}

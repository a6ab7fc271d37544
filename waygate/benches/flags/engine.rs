//! An engine with the flags, as applications have it: it counts evaluations, which is the default.

use waygate::{Waygate, flags::Flag};

use super::{Caller, FLAGS, definition};

waygate::flags! {
    /// The evaluated flag.
    pub(crate) EVALUATED: bool = false { key = "some-flag-50" }
}

pub(crate) async fn engine() -> Waygate {
    let flags = (0..FLAGS).map(|index| Flag::parse(&definition(index)).unwrap());
    let builder = Waygate::builder()
        .seed_flags(flags)
        .flag_principal::<Caller>();
    builder.build().await.unwrap()
}

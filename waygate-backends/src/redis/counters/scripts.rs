use std::sync::LazyLock;

use waygate_core::port::CounterError;

use super::super::link::{LinkError, Script};

pub(super) const CHARGE_SOURCE: &str = concat!(
    include_str!("lua/plan.lua"),
    include_str!("lua/batch.lua"),
    // Called only if the fast path does not apply, since it creates many functions.
    "local function general()\n",
    include_str!("lua/common.lua"),
    include_str!("lua/kinds.lua"),
    include_str!("lua/load.lua"),
    include_str!("lua/charge.lua"),
    include_str!("lua/others.lua"),
    "end\n",
    include_str!("lua/windows.lua"),
    include_str!("lua/run.lua"),
);
pub(super) const ADJUST_SOURCE: &str = concat!(
    include_str!("lua/plan.lua"),
    include_str!("lua/common.lua"),
    include_str!("lua/kinds.lua"),
    include_str!("lua/load.lua"),
    include_str!("lua/adjust.lua")
);
pub(super) const REFUND_SOURCE: &str = concat!(
    include_str!("lua/plan.lua"),
    include_str!("lua/common.lua"),
    include_str!("lua/kinds.lua"),
    include_str!("lua/load.lua"),
    include_str!("lua/refund.lua")
);
pub(super) const RESTORE_SOURCE: &str = concat!(
    include_str!("lua/plan.lua"),
    include_str!("lua/common.lua"),
    include_str!("lua/kinds.lua"),
    include_str!("lua/load.lua"),
    include_str!("lua/restore.lua")
);

pub(super) static CHARGE: LazyLock<Script> = LazyLock::new(|| Script::new(CHARGE_SOURCE));
pub(super) static ADJUST: LazyLock<Script> = LazyLock::new(|| Script::new(ADJUST_SOURCE));
pub(super) static REFUND: LazyLock<Script> = LazyLock::new(|| Script::new(REFUND_SOURCE));
pub(super) static RESTORE: LazyLock<Script> = LazyLock::new(|| Script::new(RESTORE_SOURCE));
pub(super) static RESET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/reset.lua")));
pub(super) static MARK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/mark.lua")));
pub(super) static ACQUIRE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/acquire.lua")));
pub(super) static PRESENCE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/presence.lua")));

impl From<LinkError> for CounterError {
    fn from(error: LinkError) -> Self {
        let text = error.to_string();
        match error {
            LinkError::Unavailable(_) => Self::Unavailable(text),
            LinkError::Refused(_) | LinkError::Misunderstood(_) => Self::Refused(text),
            LinkError::Misconfigured(_) => Self::Misconfigured(text),
        }
    }
}

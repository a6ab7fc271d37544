use jiff::Timestamp;

use super::bounds::{MAX_RECURRING, MAX_WINDOWS};
use crate::model::WindowId;

/// A command that does not apply to the current state, which stays unchanged.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::RouteState,
///     transition::{Refused, RouteCommand, transition},
/// };
///
/// let forced = RouteState::default().force_active(true);
/// let command = RouteCommand::Maintain { reason: "database upgrade".parse()? };
/// let refused = transition(&forced, &RouteState::default(), &command, Timestamp::now());
/// assert_eq!(refused, Err(Refused::ForceActive));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The route is declared `#[force_active]`.
    #[error("the route is declared force-active and cannot have its state changed")]
    ForceActive,
    /// The window, or the end of the disable, is in the past.
    #[error("the time span has already ended: {end} is not after {now}")]
    Ended {
        /// The end of the span.
        end: Timestamp,
        /// The time of the command.
        now: Timestamp,
    },
    /// There is no window of this name.
    #[error("no such window: `{0}`")]
    NoSuchWindow(WindowId),
    /// The route is disabled for longer than the window lasts.
    #[error(
        "the route is disabled {}, so that the window would change nothing: enable it, or disable it until a time",
        until.map_or_else(|| "until changed".to_owned(), |until| format!("until {until}"))
    )]
    Disabled {
        /// The end of the disable; `None` is until changed.
        until: Option<Timestamp>,
    },
    /// The route is not only in maintenance.
    #[error("the route is disabled, so that the end of a maintenance would not open it: enable it")]
    StaysDisabled,
    /// The route has the maximum number of windows.
    #[error("a route may have {MAX_WINDOWS} windows; cancel some first")]
    TooManyWindows,
    /// The route or the maintenance has the maximum number of recurring windows.
    #[error("there may be {MAX_RECURRING} recurring windows; cancel some first")]
    TooManyRecurring,
    /// The recurring windows have the maximum number of exceptions, so that none can be skipped.
    #[error("the windows `{0}` have too many exceptions for one more; set them again with fewer")]
    TooManyExceptions(WindowId),
    /// An environment gate without an environment would close the route everywhere.
    #[error(
        "an environment gate names at least one environment; to close the route everywhere, disable it"
    )]
    NoEnvironment,
}

crate::debug_as_message!(Refused);

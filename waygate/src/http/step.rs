use super::limits::{After, Refused, Waiting};
use crate::engine::{BlockReason, Governing};

/// The next step for a request. Rare variants are boxed to keep this type small on the hot path.
pub(super) enum Step {
    /// Responds to a probe of `guard`, which explores the endpoints.
    Probed,
    /// Lets the endpoint respond.
    Serve(Option<After>),
    /// Refuses the request because of the state of the route.
    Block(Option<usize>, Box<BlockReason>),
    /// Refuses it because of a limit.
    Refuse(Box<Refused>),
    /// Admits it with functions of the application, a permit or shared counters.
    Wait(Box<Waiting>),
    /// A step that applies to several routes.
    Among(Box<(Governing, Step)>),
}

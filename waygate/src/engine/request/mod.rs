//! Requests as decisions see them: the head, the client, and the facts that rules and limits ask for.

mod asked;
mod clients;
mod facts;
mod head;
mod roles;

pub use head::RequestHead;
pub use roles::Roles;

pub(crate) use asked::{Asked, is_preflight};
pub(crate) use clients::{Clients, Peer};
pub(crate) use facts::{Framework, RequestFacts};

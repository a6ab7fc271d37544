//! An [OpenFeature Remote Evaluation Protocol] server (OFREP 0.3.0): evaluates the flags of this process for the
//! OpenFeature SDKs of any language.
//!
//! [`Waygate::ofrep`](crate::Waygate::ofrep) gives a router to merge or nest anywhere; `Admin::ofrep` serves the same
//! below the admin API, for its tokens too. `docs/ofrep.md` has the protocol, row by row, with a test for each.
//!
//! | Endpoint | Response |
//! |---|---|
//! | `POST /ofrep/v1/evaluate/flags/{key}` | one flag |
//! | `POST /ofrep/v1/evaluate/flags` | all flags that the token may see, with `ETag` and the address of the event stream |
//! | `GET /ofrep/v1/events?ticket=..` | Server-Sent Events: a message after each change |
//! | `GET /ofrep/v1/openapi.json` | the OpenAPI document, for any client |
//!
//! The same below `/ofrep-env/{environment}` serves only the environment of this process, so that a base URL that is
//! meant for another one is refused.
//!
//! [OpenFeature Remote Evaluation Protocol]: https://openfeature.dev/docs/reference/other-technologies/ofrep/

// | Module | Purpose |
// |---|---|
// | `options`, `token`, `error` | the configuration |
// | `router`, `state`, `cors`, `document` | assemble the endpoints |
// | `access`, `ticket` | who may see which flags, and event streams |
// | `request`, `failure` | bodies, contexts and errors |
// | `single`, `bulk`, `work`, `evaluation`, `configuration` | evaluate |
// | `events`, `fresh` | the stream of changes, and answers that are not older than an event |

mod access;
mod bulk;
mod configuration;
mod cors;
mod document;
mod edition;
mod error;
mod evaluation;
mod events;
mod failure;
mod fresh;
mod options;
mod request;
mod router;
mod single;
mod state;
mod ticket;
mod token;
mod work;

pub use error::InvalidOption;
pub use options::Ofrep;
pub use token::{Audience, Token};

#[cfg(feature = "admin")]
pub(crate) use {
    access::{Authority, Grant},
    router::router,
    token::{Digest, DigestId},
};

//! Facts about evaluations, in bounded memory: counts, exposures and conversions, recently seen contexts, and a live
//! sample.
//!
//! Evaluations add to counters of their thread, and read one flag besides. Everything else is done by a sampler, or only
//! while it is asked for.

mod describe;
mod exposures;
mod facts;
mod handle;
mod history;
mod live;
mod missing;
mod options;
mod preview;
mod sampler;
mod seen;
mod stream;
mod subject;
mod usage;

pub use exposures::Exposure;
pub(crate) use facts::FlagFacts;
pub use live::FlagEvaluation;
pub use missing::MissingFlags;
pub use options::FlagObservation;
pub use preview::{SeenMove, SeenPreview};
pub(crate) use sampler::start;
pub use stream::{Observations, Observed};
pub use usage::{Conversion, FlagUsage, ReasonUsage, VariationUsage};

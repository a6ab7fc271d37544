use waygate_core::flag::{EvaluationContext, FlagType};

use super::data::HookData;
use crate::{
    metadata::{ClientMetadata, ProviderMetadata},
    value::ValueRef,
};

/// The evaluation that a hook runs for. Only the hook's own data can be changed.
///
/// ```
/// use waygate_openfeature::{EvaluationError, HookContext};
///
/// fn describe(evaluation: &mut HookContext<'_>) -> String {
///     let calls = evaluation.data_mut().get_mut::<u32>("calls");
///     let key = evaluation.evaluation_context().targeting_key();
///     format!("{} for {key:?} by {}", evaluation.flag_key(), evaluation.provider_metadata().name())
/// }
/// ```
#[derive(Debug)]
pub struct HookContext<'a> {
    evaluation: Evaluation<'a>,
    context: &'a EvaluationContext,
    data: &'a mut HookData,
}

/// The facts about an evaluation that are the same for all hooks and stages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluation<'a> {
    pub(crate) flag_key: &'a str,
    pub(crate) default_value: ValueRef<'a>,
    pub(crate) client: &'a ClientMetadata,
    pub(crate) provider: &'a ProviderMetadata,
}

impl<'a> HookContext<'a> {
    pub(crate) fn new(
        evaluation: Evaluation<'a>,
        context: &'a EvaluationContext,
        data: &'a mut HookData,
    ) -> Self {
        Self {
            evaluation,
            context,
            data,
        }
    }

    /// Returns the key of the flag.
    pub fn flag_key(&self) -> &str {
        self.evaluation.flag_key
    }

    /// Returns the type of the value that the caller asks for.
    pub fn flag_type(&self) -> FlagType {
        self.evaluation.default_value.value_type()
    }

    /// Returns the default of the caller.
    pub fn default_value(&self) -> ValueRef<'_> {
        self.evaluation.default_value
    }

    /// Returns the context of all levels, with what previous `before` stages have added.
    pub fn evaluation_context(&self) -> &EvaluationContext {
        self.context
    }

    /// Returns the metadata of the client.
    pub fn client_metadata(&self) -> &ClientMetadata {
        self.evaluation.client
    }

    /// Returns the metadata of the provider.
    pub fn provider_metadata(&self) -> &ProviderMetadata {
        self.evaluation.provider
    }

    /// Returns the data of this hook for this evaluation.
    pub fn data(&self) -> &HookData {
        self.data
    }

    /// Returns the data of this hook for this evaluation, which its next stages see.
    pub fn data_mut(&mut self) -> &mut HookData {
        self.data
    }
}

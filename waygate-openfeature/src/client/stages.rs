use std::sync::{Arc, LazyLock};

use waygate_core::flag::{EvaluationContext, MergedContext};

use super::{
    default_value::DefaultValue,
    resolve::{details, resolve},
};
use crate::{
    details::EvaluationDetails,
    error::EvaluationError,
    hook::{Evaluation, Hook, HookContext, HookData, HookHints},
    metadata::{ClientMetadata, ProviderMetadata},
    provider::FlagRequest,
    registered::Registered,
    task::caught,
};

static NO_PROVIDER: LazyLock<ProviderMetadata> = LazyLock::new(|| ProviderMetadata::new("none"));
static NO_HINTS: LazyLock<HookHints> = LazyLock::new(HookHints::default);

/// The stages of hooks around one evaluation.
pub(super) struct Stages<'a> {
    /// In the order of `before`, each with its data.
    hooks: Vec<(&'a dyn Hook, HookData)>,
    registered: Option<&'a Arc<Registered>>,
    client: &'a ClientMetadata,
    hints: &'a HookHints,
}

/// The facts that all stages of one evaluation see.
struct Seen<'a> {
    evaluation: Evaluation<'a>,
    context: EvaluationContext,
    hints: &'a HookHints,
}

impl<'a> Stages<'a> {
    pub(super) fn new(
        hooks: [&'a [Arc<dyn Hook>]; 4],
        registered: Option<&'a Arc<Registered>>,
        client: &'a ClientMetadata,
        hints: Option<&'a HookHints>,
    ) -> Self {
        let hooks = hooks.into_iter().flatten();
        Self {
            hooks: hooks.map(|hook| (&**hook, HookData::default())).collect(),
            registered,
            client,
            hints: hints.unwrap_or(&NO_HINTS),
        }
    }

    pub(super) fn evaluate<'k, D: DefaultValue>(
        mut self,
        key: &'k str,
        default: D,
        context: &MergedContext<'_>,
    ) -> EvaluationDetails<'k, D::Value> {
        let provider = self.registered.map(|registered| &registered.metadata);
        let mut seen = Seen {
            evaluation: Evaluation {
                flag_key: key,
                default_value: default.view(),
                client: self.client,
                provider: provider.unwrap_or(&NO_PROVIDER),
            },
            context: context.to_context(),
            hints: self.hints,
        };
        let result = self.before(&mut seen).and_then(|()| {
            let levels = [Some(&seen.context)];
            let request = FlagRequest::new(key, MergedContext::of(&levels));
            let resolution = resolve(self.registered, default, &request)?;
            let details = details(key, resolution);
            self.after(&seen, &details.map(|value| D::view_value(value)))?;
            Ok(details)
        });
        let details = result.unwrap_or_else(|error| {
            self.each(&seen, |hook, context, hints| {
                hook.error(context, &error, hints);
            });
            EvaluationDetails::failed(key, default.into_value(), error)
        });
        let view = details.map(|value| D::view_value(value));
        self.each(&seen, |hook, context, hints| {
            hook.finally(context, &view, hints);
        });
        details
    }

    fn before(&mut self, seen: &mut Seen<'_>) -> Result<(), EvaluationError> {
        for (hook, data) in &mut self.hooks {
            let mut context = HookContext::new(seen.evaluation, &seen.context, data);
            let call = || hook.before(&mut context, seen.hints);
            if let Some(more) = caught("a hook", call)?? {
                let levels = [Some(&seen.context), Some(&more)];
                seen.context = MergedContext::of(&levels).to_context();
            }
        }
        Ok(())
    }

    fn after(
        &mut self,
        seen: &Seen<'_>,
        details: &EvaluationDetails<'_, crate::value::ValueRef<'_>>,
    ) -> Result<(), EvaluationError> {
        for (hook, data) in self.hooks.iter_mut().rev() {
            let mut context = HookContext::new(seen.evaluation, &seen.context, data);
            let call = || hook.after(&mut context, details, seen.hints);
            caught("a hook", call)??;
        }
        Ok(())
    }

    /// Runs a stage that cannot fail. The panic of one hook does not keep the others from running.
    fn each(
        &mut self,
        seen: &Seen<'_>,
        stage: impl Fn(&dyn Hook, &mut HookContext<'_>, &HookHints),
    ) {
        for (hook, data) in self.hooks.iter_mut().rev() {
            let mut context = HookContext::new(seen.evaluation, &seen.context, data);
            let _ = caught("a hook", || stage(*hook, &mut context, seen.hints));
        }
    }
}

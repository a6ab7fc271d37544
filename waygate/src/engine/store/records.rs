/// Declares `Records`, with a [`Collection`](super::Collection) for each kind, from a list of the kinds and their
/// modules.
macro_rules! records {
    ($($field:ident: $module:ident::$kind:ident,)*) => {
        $(pub(crate) use super::$module::$kind;)*

        /// All records of the store, by kind. Copies share them.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Records {
            $(pub(crate) $field: $crate::engine::store::Collection<$kind>,)*
        }

        /// The kinds, in the order of their collections.
        pub(super) static KINDS: &[&dyn $crate::engine::store::AnyKind] = &[$(&$kind,)*];

        impl Records {
            /// The collections, in the order of [`KINDS`].
            pub(crate) fn all(&self) -> impl Iterator<Item = &dyn $crate::engine::store::AnyCollection> {
                let all: [&dyn $crate::engine::store::AnyCollection; KINDS.len()] = [$(&self.$field,)*];
                all.into_iter()
            }

            /// The collection of the kind at this index in [`KINDS`].
            pub(super) fn at(&self, at: usize) -> Option<&dyn $crate::engine::store::AnyCollection> {
                self.all().nth(at)
            }

            pub(super) fn at_mut(&mut self, at: usize) -> Option<&mut dyn $crate::engine::store::AnyCollection> {
                let all: [&mut dyn $crate::engine::store::AnyCollection; KINDS.len()] = [$(&mut self.$field,)*];
                all.into_iter().nth(at)
            }
        }

        $(impl $crate::engine::store::Holds<$kind> for Records {
            fn collection(&self) -> &$crate::engine::store::Collection<$kind> {
                &self.$field
            }
        })*
    };
}

pub(crate) use records;

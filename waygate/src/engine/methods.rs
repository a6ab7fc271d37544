use waygate_core::grammar::Method;

/// A set of the methods that a router distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MethodSet(u16);

impl MethodSet {
    pub(crate) fn contains(self, method: Method) -> bool {
        self.0 & Self::bit(method) != 0
    }

    const fn bit(method: Method) -> u16 {
        1 << method as u16
    }
}

impl MethodSet {
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL
            .into_iter()
            .filter(move |method| self.contains(*method))
    }

    pub(crate) fn complement(self) -> Self {
        let all: Self = Method::ALL.into_iter().collect();
        Self(all.0 & !self.0)
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<T: IntoIterator<Item = Method>>(methods: T) -> Self {
        let bits = methods.into_iter().map(Self::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

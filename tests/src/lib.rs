//! What the tests of the whole share: the examples, what is expected of them, and the compiler without a daemon.

pub mod checkout;
pub mod example;
pub mod expectation;

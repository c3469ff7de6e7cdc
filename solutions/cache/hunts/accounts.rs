// Accounts of a bank, each behind a lock of its own.

use lanes::sync::Mutex;

/// A number of accounts.
///
/// **Promise.** A transfer takes from one account what it gives to the other, whatever others do; a thread that sees that an
/// amount was taken finds it in the other account; and every transfer comes to an end.
pub struct Accounts {
    balances: Vec<Mutex<u64>>,
}

impl Accounts {
    /// Accounts with these balances.
    pub fn new(balances: &[u64]) -> Accounts {
        Accounts { balances: balances.iter().map(|&balance| Mutex::new(balance)).collect() }
    }

    /// Moves an amount between two different accounts, and says whether there was enough.
    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> bool {
        let (first, second) = (from.min(to), from.max(to));
        let mut lower = self.balances[first].lock().unwrap();
        let mut upper = self.balances[second].lock().unwrap();
        let (source, target) = if from < to { (&mut lower, &mut upper) } else { (&mut upper, &mut lower) };
        if **source < amount {
            return false;
        }
        **source -= amount;
        **target += amount;
        true
    }

    /// What is in an account.
    pub fn balance(&self, account: usize) -> u64 {
        *self.balances[account].lock().unwrap()
    }
}

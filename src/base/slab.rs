//! A table of values under small, dense, reused keys.

/// Values under dense `u32` keys; a key is valid from `insert` until `remove`, then reused.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value in; allocates only when the table grows.
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(key) = self.free.pop() {
            self.entries[key as usize] = Some(value);
            return key;
        }
        let key = u32::try_from(self.entries.len()).expect("a table never holds 2^32 values");
        self.entries.push(Some(value));
        key
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: u32) -> Option<T> {
        let value = self.entries.get_mut(key as usize)?.take()?;
        self.free.push(key);
        Some(value)
    }

    /// The value under `key`, if there is one.
    pub fn get(&self, key: u32) -> Option<&T> {
        self.entries.get(key as usize)?.as_ref()
    }

    /// The value under `key`, if there is one.
    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        self.entries.get_mut(key as usize)?.as_mut()
    }

    /// Two values at once, if both are there and not the same one.
    pub fn get_two_mut(&mut self, a: u32, b: u32) -> Option<(&mut T, &mut T)> {
        let [a, b] = self.entries.get_disjoint_mut([a as usize, b as usize]).ok()?;
        Some((a.as_mut()?, b.as_mut()?))
    }

    /// All keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().enumerate().filter_map(|(key, entry)| Some((key as u32, entry.as_ref()?)))
    }

    /// All keys and values, in the order of the keys.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.entries.iter_mut().enumerate().filter_map(|(key, entry)| Some((key as u32, entry.as_mut()?)))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, key: u32) -> &T {
        self.get(key).expect("a key is used only while its value is there")
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, key: u32) -> &mut T {
        self.get_mut(key).expect("a key is used only while its value is there")
    }
}

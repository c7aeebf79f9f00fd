// abseil's flat hash map and set by the names of `ankerl::unordered_dense`, whose header no Debian
// package holds. Both are open-addressing tables; mediasoup used abseil's until it changed to this.

#ifndef VOLLEY_BENCH_UNORDERED_DENSE_H
#define VOLLEY_BENCH_UNORDERED_DENSE_H

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <iterator>

namespace ankerl::unordered_dense
{
	template<typename Key>
	using hash = absl::Hash<Key>;

	// `erase()` returns the next element here, and nothing in abseil.
	template<typename Table>
	class erasing : public Table
	{
	public:
		using Table::erase;
		using Table::Table;

		auto erase(typename Table::iterator it)
		{
			auto next = std::next(it);
			Table::erase(it);
			return next;
		}
	};

	template<
	  typename Key,
	  typename Value,
	  typename Hash  = absl::container_internal::hash_default_hash<Key>,
	  typename Equal = absl::container_internal::hash_default_eq<Key>>
	using map = erasing<absl::flat_hash_map<Key, Value, Hash, Equal>>;

	template<
	  typename Key,
	  typename Hash  = absl::container_internal::hash_default_hash<Key>,
	  typename Equal = absl::container_internal::hash_default_eq<Key>>
	using set = erasing<absl::flat_hash_set<Key, Hash, Equal>>;
} // namespace ankerl::unordered_dense

#endif

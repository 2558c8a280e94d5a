/*
 * json_simdjson.cc - json_index.h by simdjson's first stage. The only C++ here: no exceptions, no
 * template of ours, and nothing of C++ shows in the interface.
 */
#include "wire/json_index.h"

#include <charconv>
#include <cstring>
#include <memory>
#include <new>
#include <simdjson.h>

struct pl_json_index {
	std::unique_ptr<simdjson::internal::dom_parser_implementation> impl;
};

static_assert(PL_JSON_PADDING >= simdjson::SIMDJSON_PADDING, "the padding is too small");

int pl_json_index_new(struct pl_json_index **out)
{
	auto *x = new (std::nothrow) pl_json_index;
	if (!x)
		return PL_ENOMEM;
	*out = x;
	return 0;
}

void pl_json_index_free(struct pl_json_index *x)
{
	delete x;
}

int pl_json_index_reserve(struct pl_json_index *x, size_t n)
{
	auto err =
		x->impl ? x->impl->set_capacity(n)
			: simdjson::get_active_implementation()->create_dom_parser_implementation(
				  n, 1, x->impl);
	if (!err)
		return 0;
	x->impl.reset();
	return PL_ENOMEM;
}

int pl_json_index_run(struct pl_json_index *x, const char *text, size_t n, const uint32_t **at,
		      uint32_t *count)
{
	auto *bytes = reinterpret_cast<const uint8_t *>(text);
	if (!x->impl || x->impl->stage1(bytes, n, simdjson::stage1_mode::regular))
		return PL_EINVAL;
	*at = x->impl->structural_indexes.get();
	*count = x->impl->n_structural_indexes;
	return 0;
}

int pl_json_double(const char *text, size_t n, double *out)
{
	double value = 0;
	auto result = std::from_chars(text, text + n, value);
	if (result.ec == std::errc::result_out_of_range) {
		/* Too small is zero; only a negative exponent can do that. */
		const void *e = memchr(text, 'e', n);
		e = e ? e : memchr(text, 'E', n);
		if (!e || static_cast<const char *>(e)[1] != '-')
			return PL_ETOOBIG;
		value = 0;
	} else if (result.ec != std::errc() || result.ptr != text + n) {
		return PL_EINVAL;
	}
	*out = value;
	return 0;
}

size_t pl_json_double_text(double v, char out[PL_JSON_DOUBLE_TEXT])
{
	return static_cast<size_t>(std::to_chars(out, out + PL_JSON_DOUBLE_TEXT, v).ptr - out);
}

"""Vectors of the exploration methods: Python 3, numpy, scipy, mpmath. No network, no R.

    python3 test/golden/generators/gen_explore.py        (writes into ../vectors)

Every number is computed by scipy or by mpmath at 50 digits from the inputs, not by Assay; where
both can, they are asserted equal here. Inputs are drawn with a fixed seed.
"""
import json
import math
import os

import mpmath as mp
import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

mp.mp.dps = 50
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'vectors')
rng = np.random.default_rng(20261124)


def num(x):
    return float(x)


def close(a, b, rel=1e-9):
    assert abs(num(a) - num(b)) <= rel * max(abs(num(b)), 1e-300), (a, b)


def write(method, title, tolerance, verified, cases):
    data = dict(method=method, title=title, tolerance=tolerance, n_cases=len(cases), verified=verified,
                generated_by='gen_explore.py; numpy %s, scipy %s, mpmath %s' % (
                    np.__version__, __import__('scipy').__version__, mp.__version__), cases=cases)
    with open(os.path.join(OUT, method + '.json'), 'w') as f:
        json.dump(data, f, indent=1)
        f.write('\n')


def case(id, description, input, expected, tags=()):
    return dict(id=id, description=description, tags=list(tags), input=input, expected=expected)


# --- noncentral t: P(T > x) by mpmath quadrature ------------------------------------------------

def nct_tail(x, df, nc):
    x, df, nc = mp.mpf(x), mp.mpf(df), mp.mpf(nc)
    # E over W = sqrt(V / df) of P(Z > x W - nc); density of W.
    logc = (df / 2) * mp.log(df / 2) - mp.loggamma(df / 2) + mp.log(2)
    # In theta = log W the integrand decays on both sides; the range holds all of it to 1e-40.
    f = lambda th: mp.exp(logc + df * th - df / 2 * mp.exp(2 * th)) * mp.erfc((x * mp.exp(th) - nc) / mp.sqrt(2)) / 2
    width = mp.mpf(1) / mp.sqrt(df)
    points = [k * width * 2 for k in range(-40, 21)] if df > 4 else list(mp.linspace(-40 / df, 4, 120))
    return mp.quad(f, points)


cases = []
for i, (x, df, nc) in enumerate([(2, 10, 1), (0.5, 1, 0), (5, 3, -2), (1.96, 1000, 2.8), (1.96, 1e5, -2.8), (3.5, 7.5, 0.2),
                                 (12, 40, 3), (2.0, 4, 20), (0, 5, 1.5), (40, 100, 5), (2.6, 1.2, 0.7)]):
    v = nct_tail(x, df, nc)
    s = stats.nct.sf(x, df, nc)
    if s > 1e-10:
        close(s, v, 1e-6)
    cases.append(case('c%d' % i, 'P(T > %g), df %g, noncentrality %g' % (x, df, nc), dict(x=x, df=df, noncentrality=nc), dict(value=num(v))))
write('noncentral_t', 'Upper tail of the noncentral t distribution', 'rel 1e-9',
      'mpmath quadrature at 50 digits; scipy.stats.nct within 1e-6', cases)


# --- heterogeneity ------------------------------------------------------------------------------

def heterogeneity(est, se):
    d = [mp.mpf(float(x)) for x in est]
    v = [mp.mpf(float(x)) ** 2 for x in se]
    k = len(d)

    def pool(t2):
        w = [1 / (vi + t2) for vi in v]
        W = mp.fsum(w)
        m = mp.fsum(wi * di for wi, di in zip(w, d)) / W
        return W, m, mp.fsum(wi * (di - m) ** 2 for wi, di in zip(w, d))
    W, m, q = pool(mp.mpf(0))
    df = k - 1
    p = mp.gammainc(mp.mpf(df) / 2, q / 2, mp.inf, regularized=True)
    w = [1 / vi for vi in v]
    C = W - mp.fsum(wi ** 2 for wi in w) / W
    dl = max(mp.mpf(0), (q - df) / C)
    if q <= df:
        pm = mp.mpf(0)
    else:
        hi, lo = min(v) * mp.mpf(10) ** -9, mp.mpf(0)
        while pool(hi)[2] > df:
            lo, hi = hi, hi * 4
        for _ in range(400):
            mid = (lo + hi) / 2
            if pool(mid)[2] > df:
                lo = mid
            else:
                hi = mid
        pm = (lo + hi) / 2
    out = dict(q=num(q), df=df, p=num(p), log_p=num(mp.log(p)), i_squared=num(max(mp.mpf(0), (q - df) / q)) if q > 0 else 0.0)
    for name, t2 in (('dl', dl), ('pm', pm)):
        W2, m2, _ = pool(t2)
        kept = [t2 / (t2 + vi) for vi in v]
        out['tau2_' + name] = num(t2)
        out['mean_' + name] = num(m2)
        out['mean_se_' + name] = num(1 / mp.sqrt(W2))
        out['shrunk_' + name] = [num(m2 + ki * (di - m2)) for ki, di in zip(kept, d)]
    return out


cases = []
sets = [('typical', 'eight segments, real differences', rng.normal(0.5, 0.4, 8), rng.uniform(0.1, 0.3, 8)),
        ('homogeneous', 'no differences', rng.normal(0.2, 0.1, 6), np.full(6, 0.15)),
        ('two', 'two segments', np.array([0.3, -0.2]), np.array([0.1, 0.25])),
        ('identical', 'equal effects', np.array([0.1, 0.1, 0.1]), np.array([0.2, 0.1, 0.3])),
        ('fairness', 'MODELS 3.15: +.8 +.8 +.8 -1.0 pp', np.array([0.008, 0.008, 0.008, -0.010]), np.array([0.00134, 0.0019, 0.00245, 0.003])),
        ('extreme', 'effects far apart', np.array([100.0, -300.0, 5.0, 42.0]), np.array([0.5, 0.1, 2.0, 0.3])),
        ('tiny_unit', 'units near 1e-60', rng.normal(1, 3, 5) * 1e-60, rng.uniform(0.5, 2, 5) * 1e-60),
        ('many', 'forty segments', rng.normal(0, 1, 40), rng.uniform(0.3, 3, 40))]
for id, desc, est, se in sets:
    cases.append(case(id, desc, dict(estimates=[float(x) for x in est], ses=[float(x) for x in se]), heterogeneity(est, se),
                      ['tiny_p'] if id == 'extreme' else []))
write('heterogeneity', "Cochran's Q, between-segment variance and shrinkage", 'rel 1e-9',
      'mpmath, 50 digits; Paule-Mandel by bisection', cases)

# --- drift --------------------------------------------------------------------------------------
cases = []


def histogram_case(id, desc, a, b):
    a, b = np.array(a, dtype=float), np.array(b, dtype=float)
    n, m = a.sum(), b.sum()
    q, p = a / n, b / m
    P = [mp.mpf(float(x)) / mp.mpf(float(m)) for x in b]
    Q = [mp.mpf(float(x)) / mp.mpf(float(n)) for x in a]
    eps = mp.mpf('1e-6')
    keep = [i for i in range(len(a)) if a[i] + b[i] > 0]
    psi = mp.fsum((max(P[i], eps) - max(Q[i], eps)) * mp.log(max(P[i], eps) / max(Q[i], eps)) for i in keep)
    jsd = mp.fsum(((P[i] * mp.log(2 * P[i] / (P[i] + Q[i]), 2) if P[i] > 0 else 0) + (Q[i] * mp.log(2 * Q[i] / (P[i] + Q[i]), 2) if Q[i] > 0 else 0)) / 2 for i in keep)
    if jsd > 1e-6:
        close(jensenshannon(p, q, base=2) ** 2, jsd, 1e-7)
    df = len(keep) - 1
    noise = 1 / mp.mpf(float(n)) + 1 / mp.mpf(float(m))
    band = noise * mp.mpf(float(stats.chi2.isf(0.001, df)))
    tail = lambda x: mp.gammainc(mp.mpf(df) / 2, x / 2, mp.inf, regularized=True)
    return case(id, desc, dict(kind='histogram', reference=[int(x) for x in a], current=[int(x) for x in b], alpha=0.001),
                dict(psi=num(psi), psi_expected=num(df * noise), psi_band=num(band), psi_log_p=num(mp.log(tail(psi / noise))),
                     jsd=num(jsd), jsd_band=num(band / (8 * mp.log(2))), jsd_log_p=num(mp.log(tail(jsd * 8 * mp.log(2) / noise))), df=df))


def shifted(delta, n):
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    c = np.diff(np.concatenate([[0], stats.norm.cdf(edges - delta), [1]]))
    return np.round(c * n)


cases.append(histogram_case('same', 'nothing moved', rng.multinomial(5000, [0.1] * 10), rng.multinomial(3000, [0.1] * 10)))
cases.append(histogram_case('moved', 'half a standard deviation, deciles', shifted(0, 100000), shifted(0.5, 80000)))
cases.append(histogram_case('slightly', 'a tenth of a standard deviation', shifted(0, 1000000), shifted(0.1, 1000000)))
cases.append(histogram_case('empty_bins', 'bins empty in one, and in both', [50, 0, 30, 20, 0], [45, 5, 30, 0, 0]))
cases.append(histogram_case('disjoint', 'nothing in common', [100, 0, 0, 100], [0, 100, 100, 0]))
cases.append(histogram_case('two_bins', 'two bins', [500, 500], [540, 460]))


def ks_exact(x, y):
    """P(D >= d) by exact fractions over all orders, ties kept together: an independent path count."""
    from fractions import Fraction
    x, y = sorted(x), sorted(y)
    n, m = len(x), len(y)
    pooled = sorted(x + y)
    ends = [k for k in range(1, n + m + 1) if k == n + m or pooled[k - 1] != pooled[k]]
    F = lambda v, s: sum(1 for t in s if t <= v)
    d = max(abs(Fraction(F(v, x), n) - Fraction(F(v, y), m)) for v in pooled)
    ends = set(ends)
    # Number of lattice paths that stay inside at all ends of ties.
    inside = {(0, 0): 1}
    for k in range(1, n + m + 1):
        new = {}
        for (i, j), ways in inside.items():
            for (a, b) in ((i + 1, j), (i, j + 1)):
                if a > n or b > m:
                    continue
                if k in ends and abs(Fraction(a, n) - Fraction(b, m)) >= d:
                    continue
                new[(a, b)] = new.get((a, b), 0) + ways
        inside = new
    total = math.comb(n + m, n)
    return d, Fraction(total - inside.get((n, m), 0), total)


def ks_case(id, desc, x, y, exact):
    x, y = [float(v) for v in x], [float(v) for v in y]
    if exact:
        d, p = ks_exact(x, y)
        r = stats.ks_2samp(x, y, method='exact')
        close(r.statistic, float(d), 1e-12)
        if len(set(x + y)) == len(x) + len(y):
            close(r.pvalue, float(p), 1e-8)
        e = dict(distance=float(d), p=float(p), log_p=float(mp.log(mp.mpf(p.numerator) / p.denominator)), method='exact')
    else:
        r = stats.ks_2samp(x, y)
        lam = mp.mpf(float(r.statistic)) * mp.sqrt(mp.mpf(len(x)) * len(y) / (len(x) + len(y)))
        p = 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k ** 2 * lam ** 2), [1, mp.inf]) if lam > 0.05 else mp.mpf(1)
        close(stats.kstwobign.sf(float(lam)), p, 1e-8)
        e = dict(distance=float(r.statistic), p=num(p), log_p=num(mp.log(p)), method='asymptotic')
    return case(id, desc, dict(kind='values', x=x, y=y, alpha=0.001), e)


cases.append(ks_case('ks_small', 'small samples', np.round(rng.normal(0, 1, 12), 3), np.round(rng.normal(0.9, 1, 15), 3), True))
cases.append(ks_case('ks_ties', 'ties', rng.integers(0, 6, 30), rng.integers(0, 7, 25), True))
cases.append(ks_case('ks_apart', 'no overlap', np.arange(20), np.arange(100, 118), True))
cases.append(ks_case('ks_large', 'asymptotic', np.round(rng.normal(0, 1, 600), 4), np.round(rng.normal(0.1, 1, 500), 4), False))
cases.append(ks_case('ks_large_moved', 'asymptotic, tiny p', np.round(rng.normal(0, 1, 500), 4), np.round(rng.normal(1.2, 1, 500), 4), False))
write('drift', 'PSI, Jensen-Shannon and Kolmogorov-Smirnov with their null bands', 'rel 1e-9, log p rel 1e-9; distances of disjoint bins rel 1e-9',
      'mpmath; scipy jensenshannon, chi2, ks_2samp and kstwobign agree', cases)

# --- correlation --------------------------------------------------------------------------------
cases = []


def correlation_case(id, desc, x, y, alpha=0.1):
    x, y = [float(v) for v in np.round(x, 4)], [float(v) for v in np.round(y, 4)]
    n = len(x)
    z = mp.sqrt(2) * mp.erfinv(1 - mp.mpf(alpha))
    out = {}
    for name, fn in (('pearson', stats.pearsonr), ('spearman', stats.spearmanr)):
        a, b = (x, y) if name == 'pearson' else (stats.rankdata(x), stats.rankdata(y))
        A, B = [mp.mpf(float(v)) for v in a], [mp.mpf(float(v)) for v in b]
        ma, mb = mp.fsum(A) / n, mp.fsum(B) / n
        sxy = mp.fsum((u - ma) * (v - mb) for u, v in zip(A, B))
        r = sxy / mp.sqrt(mp.fsum((u - ma) ** 2 for u in A) * mp.fsum((v - mb) ** 2 for v in B))
        close(fn(x, y).statistic, r, 1e-9)
        se = mp.sqrt((1 + r ** 2 / 2 if name == 'spearman' else 1) / mp.mpf(n - 3))
        lo, hi = mp.tanh(mp.atanh(r) - z * se), mp.tanh(mp.atanh(r) + z * se)
        if name == 'pearson':
            ci = stats.pearsonr(x, y).confidence_interval(1 - alpha)
            close(ci.low, lo, 1e-8), close(ci.high, hi, 1e-8)
        out.update({name: num(r), name + '_lower': num(lo), name + '_upper': num(hi), name + '_p': num(mp.erfc(abs(mp.atanh(r)) / se / mp.sqrt(2)))})
    return case(id, desc, dict(kind='pairs', x=x, y=y, alpha=alpha), out)


u = rng.normal(0, 1, 23)
cases.append(correlation_case('n23', '23 pairs, weak', u, -0.1 * u + rng.normal(0, 1, 23)))
u = rng.normal(0, 1, 60)
cases.append(correlation_case('strong', 'strong', u, u + rng.normal(0, 0.3, 60), 0.05))
u = rng.integers(0, 5, 40)
cases.append(correlation_case('ties', 'many ties', u, u + rng.integers(0, 5, 40), 0.05))
cases.append(correlation_case('four', 'four pairs', [1, 2, 3, 4], [2, 1, 4, 3.5], 0.05))
u = rng.normal(0, 1, 25) * 1e6 + 1e9
cases.append(correlation_case('offset', 'a large offset', u, -u + rng.normal(0, 1e6, 25), 0.05))


def bca_case(id, desc, data, stat, alpha):
    data = np.round(data, 5)
    boot = np.array([stat(rng.choice(data, len(data))) for _ in range(400)])
    jack = np.array([stat(np.delete(data, i)) for i in range(len(data))])
    est = stat(data)
    below = (np.sum(boot < est) + 0.5 * np.sum(boot == est)) / len(boot)
    z0 = stats.norm.ppf(below)
    d = jack.mean() - jack
    a = (d ** 3).sum() / (6 * (d ** 2).sum() ** 1.5)
    share = lambda p: stats.norm.cdf(z0 + (z0 + stats.norm.ppf(p)) / (1 - a * (z0 + stats.norm.ppf(p))))
    lo, hi = np.quantile(boot, share(alpha / 2)), np.quantile(boot, share(1 - alpha / 2))
    return case(id, desc, dict(kind='bca', estimate=float(est), replicates=boot.tolist(), jackknife=jack.tolist(), alpha=alpha),
                dict(bca_lower=float(lo), bca_upper=float(hi)))


cases.append(bca_case('bca_skewed', 'mean of exponentials', rng.exponential(1, 30), np.mean, 0.05))
cases.append(bca_case('bca_median', 'median, with ties', np.round(rng.normal(0, 1, 25), 1), np.median, 0.1))


def attenuation_case(id, desc, n, noise):
    x = rng.normal(0, 1, n)
    y = 0.6 * x + rng.normal(0, 0.8, n)
    se = rng.uniform(0.8, 1.2, n) * noise
    seen = np.round(y + rng.normal(0, 1, n) * se, 4)
    x = np.round(x, 4)
    se = np.round(se, 4)
    r = stats.pearsonr(x, seen).statistic
    lam = max(0.0, 1 - np.mean(se ** 2) / np.var(seen, ddof=1))
    ok = lam >= 0.3 and n >= 15
    return case(id, desc, dict(kind='attenuated', x=x.tolist(), y=seen.tolist(), ses=se.tolist(), alpha=0.05),
                dict(status='ok' if ok else 'unreliable', reliability=float(lam), corrected=float(max(-1, min(1, r / math.sqrt(lam)))) if ok else None))


cases.append(attenuation_case('attenuated', 'half noise', 400, 1.0))
cases.append(attenuation_case('attenuated_few', 'too few pairs', 12, 0.5))
cases.append(attenuation_case('attenuated_noise', 'all noise', 60, 5.0))
write('correlation', 'Pearson and Spearman with Fisher intervals, BCa from given replicates, disattenuation', 'rel 1e-9',
      'mpmath; scipy pearsonr, spearmanr agree; BCa by numpy quantiles', cases)

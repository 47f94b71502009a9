"use strict";
// The binomial-normal model of the library in the reader's browser, for one set of studies: x_i of n_i responded,
// x_i ~ Binomial(n_i, expit(theta_i)), theta_i ~ Normal(b, tau^2). Same steps and constants as small_evidence/pooling:
// proportions.py, likelihood.py, maximum.py, profile.py, prediction.py and glmm.py, whose default interval it has.
const model = (() => {
  const DROP = 38; // a study's grid ends where its integrand has fallen by exp(-DROP)
  const UNIT_TAU2 = 4; // variance of the half-normal penalty on tau: the unit information
  const TAU_SMALL = 3e-4;
  const TAU_LARGEST = 1000;
  const TAU_LARGE = 100;
  const B_LARGE = 40;
  // Of a prediction: nodes of tau and how far they reach, places where the density of b is evaluated and interpolated.
  const NODES = 16;
  const TAU_REACH = 6;
  const PLACE = 4;
  const STEP = 0.2;
  const FINE = Array.from({ length: 101 }, (_, i) => (i - 50) * STEP);
  const SMOOTH = 0.1 * STEP;
  const LEAST_WEIGHT = 1e-9;
  const TAU_MOST = 6 * Math.sqrt(UNIT_TAU2);
  const MIN_K_PREDICTION = 3;
  const VACUOUS = 0.999; // a wider prediction interval is not given

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const clip = (value, low, high) => Math.min(Math.max(value, low), high);
  const expit = (eta) => 1 / (1 + Math.exp(-eta));
  const logit = (p) => Math.log(p / (1 - p));
  const softplus = (eta) => Math.max(eta, 0) + Math.log1p(Math.exp(-Math.abs(eta)));
  const xlogy = (x, y) => (x === 0 ? 0 : x * Math.log(y));
  const logOdds = (x, n) => Math.log((x + 0.5) / (n - x + 0.5));
  const samplingVariance = (x, n) => 1 / (x + 0.5) + 1 / (n - x + 0.5);

  // Where an increasing function is 0, between low and high.
  function bisect(f, low, high) {
    for (let step = 0; step < 200 && low < high; step++) {
      const middle = (low + high) / 2;
      if (middle === low || middle === high) break;
      if (f(middle) < 0) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  // Exact interval ----------------------------------------------------------------------------------------------

  const logFactorials = [0];
  function logFactorial(n) {
    for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1] + Math.log(i));
    return logFactorials[n];
  }

  // Probability of x or more responders of n under p.
  function upperTail(x, n, p) {
    const odds = Math.log(p);
    const rest = Math.log1p(-p);
    let total = 0;
    for (let i = x; i <= n; i++) {
      total += Math.exp(logFactorial(n) - logFactorial(i) - logFactorial(n - i) + i * odds + (n - i) * rest);
    }
    return total;
  }

  // Lower and upper limit of Clopper and Pearson.
  function exactInterval(x, n, level) {
    const tail = (1 - level) / 2;
    const lower = (events) => (events === 0 ? 0 : bisect((p) => upperTail(events, n, p) - tail, 0, 1));
    return [lower(x), 1 - lower(n - x)];
  }

  // Student's and the normal distribution ----------------------------------------------------------------------

  // Quantile of Student's t for whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4), with theta = atan(t / sqrt(df)).
  function studentQuantile(df, share) {
    const central = (theta) => {
      const cos = Math.cos(theta);
      let term = df % 2 ? cos : 1;
      let total = df > 1 ? term : 0;
      for (let i = df % 2 ? 3 : 2; i < df; i += 2) {
        term *= (cos * cos * (i - 1)) / i;
        total += term;
      }
      return df % 2 ? (2 / Math.PI) * (theta + Math.sin(theta) * total) : Math.sin(theta) * total;
    };
    return Math.sqrt(df) * Math.tan(bisect((theta) => central(theta) - (2 * share - 1), 0, Math.PI / 2));
  }

  // Distribution function of the standard normal (Marsaglia 2004), to 1e-15.
  function normal(z) {
    if (Math.abs(z) > 8) return z < 0 ? 0 : 1;
    let total = z;
    let term = z;
    for (let i = 3, before = 0; total !== before; i += 2) {
      before = total;
      term *= (z * z) / i;
      total += term;
    }
    return 0.5 + (total * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  }

  // Likelihood --------------------------------------------------------------------------------------------------

  // Distance of points that keeps the error of the trapezoidal rule near 1e-13 of the integral.
  const stepWidth = (curvature, tau) => 0.62 / Math.sqrt(curvature + 3.3 + 0.6 / tau ** 2);

  const peakOf = (x, n) => xlogy(x, x / n) + xlogy(n - x, 1 - x / n);

  // Where the integrand of one study is highest: Newton's steps inside a bracket.
  function modeOf(x, n, b, precision) {
    const own = clip(logit(clip(x / n, 1e-300, 1 - 1e-16)), b - n / precision, b + n / precision);
    let low = Math.min(own, b);
    let high = Math.max(own, b);
    const s = (x * (n - x)) / n + 0.2;
    let mode = (precision * b + s * clip(own, b - 8, b + 8)) / (precision + s);
    let before = high - low;
    for (let i = 0; i < 100; i++) {
      const g = x - n * expit(mode) - precision * (mode - b);
      if (g > 0) low = mode;
      else high = mode;
      const info = n * expit(mode) * expit(-mode) + precision;
      let move = g / info;
      if (mode + move < low || mode + move > high || Math.abs(move) > before / 2) move = (low + high) / 2 - mode;
      mode += move;
      before = Math.abs(move);
      if (before * Math.sqrt(info) < 0.01) break;
    }
    return mode;
  }

  // Log-likelihood of one study and the mean powers 1 to 4 of z = (theta - b) / tau under its integrand.
  function momentsOf(x, n, b, tau, refine) {
    const precision = 1 / tau ** 2;
    const height = (eta) => x * eta - n * softplus(eta) - 0.5 * precision * (eta - b) ** 2;
    const mode = modeOf(x, n, b, precision);
    const top = height(mode);
    const info = n * expit(mode) * expit(-mode);
    const step = stepWidth(Math.max(info, (x * (n - x)) / n), tau) / refine;
    const [left, right] = [-1, 1].map((sign) => {
      let edge = mode + sign * Math.sqrt((2 * DROP) / precision);
      for (let i = 0; i < 40; i++) {
        const move = (height(edge) - top + DROP) / (x - n * expit(edge) - precision * (edge - b));
        edge -= move;
        if (Math.abs(move / (edge - mode)) < 0.05) break;
      }
      return edge;
    });
    const count = Math.max(Math.ceil((right - left) / step) + 1, 9);
    const spacing = (right - left) / (count - 1);
    const powers = [0, 0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
      const eta = left + spacing * i;
      const z = (eta - b) / tau;
      let term = Math.exp(height(eta) - top);
      for (let j = 0; j < 5; j++) {
        powers[j] += term;
        term *= z;
      }
    }
    const logLikelihood = Math.log((powers[0] * spacing) / tau / Math.sqrt(2 * Math.PI)) + top - peakOf(x, n);
    return [logLikelihood, ...powers.slice(1).map((power) => power / powers[0])];
  }

  // Log-likelihood, gradient and Hessian at tau = 0, where all studies have one proportion.
  function pointAtZero(arms, b) {
    const p = expit(b);
    const q = expit(-b);
    const point = { ll: 0, gb: 0, gt: 0, hbb: 0, hbt: 0, htt: -arms.ridge };
    arms.x.forEach((x, i) => {
      const n = arms.n[i];
      const info = n * p * q;
      point.ll += x * b - n * softplus(b) - peakOf(x, n);
      point.gb += x - n * p;
      point.hbb -= info;
      point.htt += (x - n * p) ** 2 - info;
    });
    if (arms.ofMean) point.htt += (2 * p - 1) * point.gb; // for a given mean the median moves with tau^2
    return point;
  }

  function evaluate(arms, b, tau, refine = 1) {
    if (tau <= 0) return pointAtZero(arms, b);
    if (arms.ofMean) {
      const median = medianOfMean(b, tau);
      return median.change(evaluate({ ...arms, ofMean: false }, median.b, tau, refine));
    }
    const t = 1 / tau;
    const point = { ll: 0, gb: 0, gt: 0, hbb: 0, hbt: 0, htt: 0 };
    arms.x.forEach((x, i) => {
      const [ll, z1, z2, z3, z4] = momentsOf(x, arms.n[i], b, tau, refine);
      point.ll += ll;
      point.gb += z1 * t;
      point.gt += (z2 - 1) * t;
      point.hbb += (z2 - z1 * z1 - 1) * t * t;
      point.hbt += (z3 - z1 * (2 + z2)) * t * t;
      point.htt += (z4 - z2 * (z2 + 3) + 1) * t * t;
    });
    point.ll -= (tau * tau * arms.ridge) / 2;
    point.gt -= tau * arms.ridge;
    point.htt -= arms.ridge;
    return point;
  }

  // Sums over the standard normal u of a function of expit(b + tau u) and u.
  function normalMeans(b, tau, terms) {
    const count = 2 ** Math.max(Math.ceil(Math.log2(60 * tau + 1)), 6);
    const totals = terms(0, 0).map(() => 0);
    let weights = 0;
    for (let i = 0; i < count; i++) {
      const u = 8.7 * ((2 * i) / (count - 1) - 1);
      const weight = Math.exp((-u * u) / 2);
      weights += weight;
      terms(expit(b + tau * u), u).forEach((term, j) => (totals[j] += weight * term));
    }
    return totals.map((total) => total / weights);
  }

  // Logit b of the median study under which the mean study has logit m, and a point with derivatives in m instead of b.
  function medianOfMean(m, tau) {
    const side = m > 0 ? -1 : 1;
    const low = -Math.abs(m); // below 1/2, where a proportion keeps its digits
    let b = low * Math.sqrt(1 + 0.346 * tau ** 2);
    for (let i = 0; i < 50; i++) {
      const [mean, slope] = normalMeans(b, tau, (p) => [p, p * (1 - p)]);
      const step = ((low - logit(mean)) * mean * (1 - mean)) / slope;
      b += clip(step, -2 - tau, 2 + tau);
      if (Math.abs(step) < 1e-11 * (1 + Math.abs(b))) break;
    }
    const [mean, ...sums] = normalMeans(b, tau, (p, u) => {
      const first = p * (1 - p);
      const second = first * (1 - 2 * p);
      return [p, first, first * u, second, second * u, second * u * u];
    });
    const [eb, et, bb, bt, tt] = sums.map((one) => one / (mean * (1 - mean)));
    const skew = 1 - 2 * mean;
    const byT = -et / eb;
    const mm = -(bb - skew * eb * eb) / eb ** 3;
    const mt = -(bt - skew * eb * et + (bb - skew * eb * eb) * byT) / eb ** 2;
    const second = tt - skew * et * et + 2 * (bt - skew * eb * et) * byT + (bb - skew * eb * eb) * byT ** 2;
    const by = { m: 1 / eb, t: side * byT, mm: side * mm, mt, tt: (-side * second) / eb };
    const change = (point) => ({
      ll: point.ll,
      gb: point.gb * by.m,
      gt: point.gt + point.gb * by.t,
      hbb: point.hbb * by.m ** 2 + point.gb * by.mm,
      hbt: (point.hbb * by.t + point.hbt) * by.m + point.gb * by.mt,
      htt: point.htt + 2 * point.hbt * by.t + point.hbb * by.t ** 2 + point.gb * by.tt,
    });
    return { b: side * b, change };
  }

  // Maximum -----------------------------------------------------------------------------------------------------

  // Maximum at tau = 0, and the standard deviation of a typical study's logit.
  function commonProportion(arms) {
    const b = logit(sum(arms.x) / sum(arms.n));
    const point = pointAtZero(arms, b);
    return { b, point, unit: Math.min(1, Math.sqrt(arms.x.length / -point.hbb)) };
  }

  function tauGrid(unit) {
    const low = 0.4 * unit;
    const ratio = 15 ** (1 / 5);
    const count = Math.ceil(Math.log(6 / low) / Math.log(ratio) - 1e-9) + 1;
    return Array.from({ length: count }, (_, i) => low * ratio ** i);
  }

  // A start for b: the mean of the studies' logits, weighted for the given tau.
  function weightedCentre(arms, tau) {
    const weights = arms.x.map((x, i) => 1 / (samplingVariance(x, arms.n[i]) + tau ** 2));
    return sum(arms.x.map((x, i) => weights[i] * logOdds(x, arms.n[i]))) / sum(weights);
  }

  // A start for tau: the variance of the studies' logits beyond that of sampling.
  function momentSpread(arms) {
    const k = arms.x.length;
    const yi = arms.x.map((x, i) => logOdds(x, arms.n[i]));
    const centre = sum(yi) / k;
    const within = sum(arms.x.map((x, i) => samplingVariance(x, arms.n[i]))) / k;
    const beyond = sum(yi.map((y) => (y - centre) ** 2)) / Math.max(k - 1, 1) - within;
    return Math.sqrt(clip(beyond, 0.16, 9));
  }

  // Log-likelihood and slope in tau at each tau, with b maximised or, where it is given, held.
  function lookAlong(arms, taus, held) {
    return taus.map((tau) => {
      if (held !== undefined) {
        const point = evaluate(arms, held, tau, 0.5);
        return { tau, ll: point.ll, slope: point.gt, b: held };
      }
      let b = weightedCentre(arms, tau);
      let point;
      for (let i = 0; i < 2; i++) {
        point = evaluate(arms, b, tau, 0.5);
        b -= point.gb / point.hbb;
      }
      return { tau, ll: point.ll, slope: point.gt - (point.hbt * point.gb) / point.hbb, b };
    });
  }

  // Newton's steps to a maximum; where zeroLl is given and lies higher, and the way is down to tau = 0, they end there.
  function newtonAscent(arms, b, tau, zeroLl = Infinity, mayJump = false) {
    const start = b;
    const noise = 1e-10 + 4 * Number.EPSILON * sum(arms.n);
    let refine = 1;
    let ll = -Infinity;
    let db = 0;
    let dt = 0;
    for (let i = 0; i < 100; i++) {
      const point = evaluate(arms, b, tau, refine);
      const worse = point.ll < ll - noise;
      const schur = point.htt - point.hbt ** 2 / point.hbb;
      const slope = point.gt - (point.hbt * point.gb) / point.hbb;
      const concave = schur < 0;
      const newT = clip(concave ? -slope / schur : Math.sign(slope) * (0.5 * tau + 0.1), -0.8 * tau, 1.5 * tau + 0.2);
      const newB = clip(-(point.gb + point.hbt * newT) / point.hbb, -2 - tau, 2 + tau);
      const still = !worse && concave && Math.abs(newB) + Math.abs(newT) < 1e-8 * (1 + tau);
      const toZero = mayJump && zeroLl >= point.ll && slope < 0 && !worse;
      if ((still && refine > 1) || (!toZero && !worse && tau < TAU_SMALL)) return { b, tau, point, converged: true };
      if (toZero) return { b: start, tau: 0, point: { ll: -Infinity }, converged: true };
      if (still) refine *= 2;
      if (worse) {
        b -= db;
        tau -= dt;
        db /= 4;
        dt /= 4;
      } else {
        db = newB;
        dt = newT;
        ll = point.ll;
      }
      b += db;
      tau = Math.min(tau + dt, TAU_LARGEST);
    }
    return { b: start, tau: 0, point: { ll: -Infinity }, converged: false };
  }

  function maximise(arms) {
    const zero = commonProportion(arms);
    const zeroLl = zero.point.ll;
    const peaked = zero.point.htt <= -1e-8 * zero.point.hbb; // tau = 0 is a local maximum
    const better = (found, other) =>
      other.converged && other.point.ll > Math.max(found.point.ll, zeroLl) ? other : found;
    const spread = momentSpread(arms);
    let found = newtonAscent(arms, weightedCentre(arms, spread), spread, zeroLl, peaked);
    if (found.converged && found.tau === 0) {
      const last = lookAlong(arms, tauGrid(zero.unit)).findLast(({ slope }) => slope > 0);
      if (last) found = better(found, newtonAscent(arms, last.b, last.tau));
    }
    if (found.converged && !peaked && zeroLl >= found.point.ll) {
      found = better(found, newtonAscent(arms, zero.b, 0.3 * zero.unit));
    }
    if (found.converged && (zeroLl >= found.point.ll || found.tau < TAU_SMALL)) {
      return { b: zero.b, tau: 0, point: zero.point, converged: true };
    }
    return found;
  }

  // Interval ----------------------------------------------------------------------------------------------------

  // Where the log-likelihood at tau = 0 has fallen to the target; NaN where it starts lower.
  function limitAtZero(arms, side, top, target, zero) {
    const fallen = 2 * (top.point.ll - zero.point.ll);
    const left = Math.sqrt(Math.max(target ** 2 - fallen, 0));
    if (!(left > 0)) return NaN;
    let b = zero.b + (side * left) / Math.sqrt(-zero.point.hbb);
    for (let i = 0; i < 50; i++) {
      const point = pointAtZero(arms, b);
      const root = Math.sqrt(2 * Math.max(zero.point.ll - point.ll, 1e-30));
      const away = Math.abs(b - zero.b);
      const step = clip(((left - root) * root) / Math.max(Math.abs(point.gb), 1e-300), -0.7 * away, away);
      b += side * step;
      if (Math.abs(step) < 1e-12 * (1 + Math.abs(b)) || Math.abs(b) > 2 * B_LARGE) return b;
    }
    return NaN;
  }

  // From b and tau along the ridge of the likelihood to where the profile has fallen by the target.
  function followRidge(arms, side, top, target, unit, b, tau) {
    const floor = TAU_SMALL * unit;
    let before = 0;
    for (let i = 0; i < 80; i++) {
      const point = evaluate(arms, b, tau);
      const concave = point.htt < 0;
      const curve = concave ? point.htt : -1;
      let dt = concave ? -point.gt / curve : Math.sign(point.gt) * (0.5 * tau + 0.1 * unit);
      dt = clip(dt, -0.9 * tau, tau + 0.3 * unit);
      if (dt * before < 0) dt = Math.sign(dt) * Math.min(Math.abs(dt), 0.5 * Math.abs(before));
      if (tau <= floor && dt < 0) dt = 0;
      let turn = concave ? -point.hbt / curve : 0;
      const ridge = concave && Math.abs(dt) <= 0.3 * tau + 0.02 * unit;
      const fall = top.point.ll - point.ll + (ridge ? (0.5 * point.gt ** 2) / curve : 0);
      const root = Math.sqrt(2 * Math.max(fall, 1e-12));
      const descent = -side * (point.gb + turn * point.gt);
      const away = side * (b - top.b);
      let step = descent > 0 ? ((target - root) * root) / descent : 0.5;
      step = ridge ? clip(step, -0.7 * away, 1.5 * away + 0.1 * unit) : 0;
      if (ridge && Math.abs(step) < 1e-9 * (1 + away) && Math.abs(dt) < 1e-7 * (1 + tau)) return b + side * step;
      turn = clip(turn * side * step, -0.5 * tau, 0.5 * tau + 0.3 * unit);
      tau = Math.max(tau + dt + turn, 0.1 * tau, floor);
      b += side * step;
      if (Math.abs(b) > B_LARGE || tau > TAU_LARGE) return side * Infinity;
      before = dt;
    }
    return NaN;
  }

  // Limit of b by profile likelihood, maximised over tau: -1 for the lower side, 1 for the upper.
  function profileLimit(arms, side, top, critical) {
    const target = Math.sqrt(critical);
    const zero = commonProportion(arms);
    const { unit } = zero;
    const floor = top.point.ll - target ** 2 / 2;
    const edge = limitAtZero(arms, side, top, target, zero);
    let limit = NaN;
    let tau = Math.max(top.tau, 0.3 * unit);
    let b = top.b + side * Math.min(target * Math.sqrt(-1 / top.point.hbb), 3 + 2 * top.tau);
    if (side * (edge - b) > 0) b = edge;
    if (Number.isFinite(edge) && pointAtZero(arms, edge).htt <= 0) {
      const there = lookAlong(arms, tauGrid(unit), edge);
      const rising = there.filter(({ slope }) => slope > 0);
      if (there.every(({ ll }) => ll <= floor)) {
        limit = edge;
        if (!rising.length) return limit;
      }
      b = edge;
      tau = rising.length ? 1.3 * Math.max(...rising.map((one) => one.tau)) : highest(there).tau;
    }
    // Of two ridges the one that reaches further out is the profile's; one that fades leaves the limit it had.
    const follow = () => {
      const found = followRidge(arms, side, top, target, unit, b, tau);
      if (Number.isNaN(limit)) limit = found;
      else if (side * found > side * limit) limit = found;
    };
    follow();
    if (!(Math.abs(limit) < B_LARGE)) return limit;
    const there = lookAlong(arms, tauGrid(unit), limit);
    if (there.some(({ ll }) => ll > floor + 1e-5)) {
      b = limit;
      ({ tau } = highest(there));
      follow();
    }
    return limit;
  }

  const highest = (looks) => looks.reduce((best, one) => (one.ll > best.ll ? one : best));

  // Prediction --------------------------------------------------------------------------------------------------

  // Gauss-Legendre nodes and weights on [-1, 1], by Newton's steps on the polynomial.
  function gaussLegendre(size) {
    return Array.from({ length: size }, (_, i) => {
      let x = Math.cos((Math.PI * (i + 0.75)) / (size + 0.5));
      let slope;
      for (let step = 0; step < 20; step++) {
        let [before, here] = [1, x];
        for (let n = 2; n <= size; n++) [before, here] = [here, ((2 * n - 1) * x * here - (n - 1) * before) / n];
        slope = (size * (x * here - before)) / (x * x - 1);
        x -= here / slope;
      }
      return { x, weight: 2 / ((1 - x * x) * slope ** 2) };
    });
  }

  const LEGENDRE = gaussLegendre(NODES);

  // A place within half a standard deviation of the most likely b, and the derivatives there.
  function nearTheMaximum(arms, tau) {
    let b = weightedCentre(arms, tau);
    let at = evaluate(arms, b, tau);
    for (let step = 0; step < 50 && at.gb ** 2 > -0.25 * at.hbb; step++) {
      b += clip(-at.gb / at.hbb, -2 - tau, 2 + tau);
      at = evaluate(arms, b, tau);
    }
    return { b, at };
  }

  // Log-density u standard deviations from the middle, by quintic polynomials between three places and straight lines beyond.
  function logDensityBetween(known, u) {
    const last = known.length - 1;
    if (u <= -PLACE) return known[0].value + known[0].slope * (u + PLACE);
    if (u >= PLACE) return known[last].value + known[last].slope * (u - PLACE);
    const [from, to] = u < 0 ? [known[0], known[1]] : [known[1], known[2]];
    const t = u < 0 ? (u + PLACE) / PLACE : u / PLACE;
    const s = 1 - t;
    const part = (one, sign, x, rest) =>
      x ** 3 *
      (one.value * (1 + 3 * rest + 6 * rest ** 2) +
        sign * one.slope * PLACE * rest * (1 + 3 * rest) +
        (one.curvature * PLACE ** 2 * rest ** 2) / 2);
    return part(from, 1, s, t) + part(to, -1, t, s);
  }

  // Normal densities of the logit of a further study with their weights: for each tau on a grid that is dense around
  // its maximum, the density of b in small pieces.
  function furtherStudy(arms, held) {
    const { point } = held;
    const ridge = held.tau > 0 ? point.hbt ** 2 / point.hbb : 0;
    const seTau = 1 / Math.sqrt(Math.max(ridge - point.htt, 1 / UNIT_TAU2));
    const most = Math.min(TAU_MOST - held.tau, TAU_REACH * seTau * 10 ** (6 / (arms.x.length - 1)));
    const low = Math.asinh(-held.tau / seTau);
    const high = Math.asinh(most / seTau);
    const parts = LEGENDRE.flatMap((node) => {
      const v = (low + high + (high - low) * node.x) / 2;
      const tau = Math.max(held.tau + seTau * Math.sinh(v), 0);
      const { b, at } = nearTheMaximum(arms, tau);
      const unit = Math.sqrt(-1 / at.hbb);
      const known = [-PLACE, 0, PLACE]
        .map((u) => (u === 0 ? at : evaluate(arms, b + u * unit, tau)))
        .map(({ ll, gb, hbb }) => ({ value: ll, slope: gb * unit, curvature: hbb * unit ** 2 }));
      const sd = Math.hypot(tau, SMOOTH * unit);
      const width = node.weight * Math.cosh(v) * unit;
      return FINE.map((u) => {
        const height = logDensityBetween(known, u) - tau ** 2 / (2 * UNIT_TAU2);
        return { mean: b + u * unit, sd, width, height };
      });
    });
    const top = Math.max(...parts.map(({ height }) => height));
    const shares = parts.map(({ height, width }) => width * Math.exp(height - top));
    const total = sum(shares);
    const kept = parts
      .map(({ mean, sd }, i) => ({ mean, sd, weight: shares[i] / total }))
      .filter(({ weight }) => weight >= LEAST_WEIGHT);
    const left = sum(kept.map(({ weight }) => weight));
    return kept.map((part) => ({ ...part, weight: part.weight / left }));
  }

  // Limits of the proportion of a further study.
  function studyLimits(parts, level) {
    const low = Math.min(...parts.map(({ mean, sd }) => mean - 9 * sd));
    const high = Math.max(...parts.map(({ mean, sd }) => mean + 9 * sd));
    const below = (value) => sum(parts.map(({ mean, sd, weight }) => weight * normal((value - mean) / sd)));
    return [(1 - level) / 2, (1 + level) / 2].map((share) => expit(bisect((value) => below(value) - share, low, high)));
  }

  // Mean of expit(b + tau u) over the standard normal u.
  const meanProportion = (b, tau) => normalMeans(b, tau, (p) => [p])[0];

  // Limits of the mean study's proportion, by the profile that limits the median study's.
  function meanLimits(penalised, held, critical) {
    const arms = { ...penalised, ofMean: true };
    const b = logit(meanProportion(held.b, held.tau));
    const top = { b, tau: held.tau, point: { ...evaluate(arms, b, held.tau), ll: held.point.ll } };
    return [-1, 1].map((side) => expit(profileLimit(arms, side, top, critical)));
  }

  // All of it ---------------------------------------------------------------------------------------------------

  const EMPTY = ["estimate", "lower", "upper", "predictedLower", "predictedUpper", "tau2", "mean", "meanLower", "meanUpper"];

  function statusOf(x, n) {
    const events = sum(x);
    const total = sum(n);
    if (x.length === 0) return "no_data";
    if (x.length === 1) return "single_study";
    if (events === 0) return "no_responders";
    if (events === total) return "all_responders";
    return total === x.length ? "tau_not_identified" : "ok";
  }

  // Pooled proportion of responders xi of ni with its interval, as `pool_responses(xi, ni)` gives it; NaN for nothing.
  function pool(xi, ni, level = 0.95) {
    const x = xi.filter((_, i) => ni[i] > 0);
    const n = ni.filter((one) => one > 0);
    const result = { status: statusOf(x, n), ...Object.fromEntries(EMPTY.map((name) => [name, NaN])) };
    if (result.status === "no_data") return result;
    if (result.status !== "ok") {
      const [lower, upper] = exactInterval(sum(x), sum(n), level);
      return { ...result, estimate: sum(x) / sum(n), lower, upper };
    }
    return fit(x, n, level, result);
  }

  function fit(x, n, level, result) {
    const arms = { x, n, ridge: 0 };
    const penalised = { x, n, ridge: 1 / UNIT_TAU2 };
    const k = x.length;
    const held = maximise(penalised);
    if (x.every((one, i) => one === 0 || one === n[i])) {
      // tau grows without bound: what is left is one toss a study
      result.status = "tau2_unbounded";
      result.estimate = x.filter((one) => one > 0).length / k;
      result.mean = result.estimate;
    } else {
      const top = maximise(arms);
      if (!top.converged) return { ...result, status: "not_converged" };
      if (top.tau === 0) result.status = "tau2_zero";
      result.estimate = expit(top.b);
      result.tau2 = top.tau ** 2;
      result.mean = meanProportion(top.b, top.tau);
    }
    if (held.converged) {
      const critical = k * Math.log1p(studentQuantile(k - 1, (1 + level) / 2) ** 2 / (k - 1));
      result.lower = Math.min(expit(profileLimit(penalised, -1, held, critical)), result.estimate);
      result.upper = Math.max(expit(profileLimit(penalised, 1, held, critical)), result.estimate);
      const [meanLower, meanUpper] = meanLimits(penalised, held, critical);
      result.meanLower = Math.min(meanLower, result.mean);
      result.meanUpper = Math.max(meanUpper, result.mean);
      if (k >= MIN_K_PREDICTION) {
        [result.predictedLower, result.predictedUpper] = studyLimits(furtherStudy(arms, held), level);
      }
    }
    if (result.tau2 === 0) {
      // never inside the exact interval of the summed counts, which takes one proportion for all
      const [lower, upper] = exactInterval(sum(x), sum(n), level);
      result.lower = Math.min(result.lower, lower);
      result.upper = Math.max(result.upper, upper);
      result.meanLower = Math.min(result.meanLower, lower);
      result.meanUpper = Math.max(result.meanUpper, upper);
    }
    result.predictedLower = Math.min(result.predictedLower, result.lower);
    result.predictedUpper = Math.max(result.predictedUpper, result.upper);
    if (result.predictedUpper - result.predictedLower > VACUOUS) result.predictedLower = result.predictedUpper = NaN;
    return result;
  }

  return { exactInterval, pool };
})();
